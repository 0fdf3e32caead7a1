//! From a target to its report, without a server: find, read, merge, match, conclude.

use std::collections::HashMap;
use std::error::Error as _;
use std::io;
use std::sync::Arc;

use futures_util::{FutureExt, StreamExt, TryFutureExt, TryStreamExt, stream};
use plimsoll_advisory::vex;
use plimsoll_types::chain_ids;
use plimsoll_types::coverage::LayerCoverage;
use plimsoll_types::inventory::Owners;
use plimsoll_types::manifest::ImageConfig;
use plimsoll_types::{
    Digest, ImageInventory, InstalledPackage, LayerInventory, Match, Platform, Problem, ProblemKind,
    Timestamp,
};

use crate::advisories::Advisories;
use crate::assess::{self, Looked};
use crate::report::{Image, ImageLayer, Report};
use crate::sandbox::{self, Input, Sandbox};
use crate::source::{
    self, Attached, Home, LayerBytes, Part, Source, SourceImage, SourceLayer, SourceOptions, Target,
};
use crate::{Error, ErrorKind, Result};

/// Layers that wait for a probe at the same time; the sandbox decides how many run.
const WAITING_LAYERS: usize = 64;

/// What a scan tells while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanEvent {
    /// The image was found.
    Opened {
        /// How many different layers there are to be read.
        layers: usize,
        /// Their packed size in bytes, as far as it is known.
        bytes: u64,
    },
    /// Something that a person should know.
    Note(String),
    /// A layer was read.
    LayerRead {
        /// Its packed size in bytes, where it is known.
        bytes: u64,
    },
    /// All was read; the packages are being matched.
    Matching {
        /// How many there are.
        packages: usize,
    },
}

/// Told of each [`ScanEvent`].
pub type ScanProgress = Arc<dyn Fn(ScanEvent) + Send + Sync>;

/// Scans what a target names. Without advisories the report has the inventory, no findings, and says so.
///
/// What is wrong with the image is in the report. It is an error only where there is nothing to report on: the target
/// cannot be found, fetched or understood, or no probe can be started.
pub async fn scan_target(
    target: &Target,
    options: &SourceOptions,
    sandbox: &Sandbox,
    advisories: Option<&Advisories>,
    now: Timestamp,
    progress: &ScanProgress,
) -> Result<Report> {
    match source::open(target, options).await? {
        Source::Sbom(_) if options.attached_vex => Err(source::nothing_attached()),
        Source::Sbom(part) => scan_sbom(target, &part, sandbox, advisories, now, progress).await,
        Source::Image(image) => {
            for note in &image.notes {
                progress(ScanEvent::Note(note.clone()));
            }
            let attached = match options.attached_vex {
                true => source::read_attached(&image).await?,
                false => Attached::default(),
            };
            scan_image(target, *image, attached, sandbox, advisories, now, progress).await
        }
    }
}

async fn scan_image(
    target: &Target,
    mut image: SourceImage,
    attached: Attached,
    sandbox: &Sandbox,
    advisories: Option<&Advisories>,
    now: Timestamp,
    progress: &ScanProgress,
) -> Result<Report> {
    let platform = image.config.as_ref().and_then(ImageConfig::platform);
    let read = if assess::windows(platform.as_ref()).is_some() {
        // There is nothing in it that we could read, and its layers are large.
        image.layers.iter().map(|_| None).collect()
    } else {
        scan_layers(&image.layers, sandbox, progress, &mut image.problems).await?
    };
    let digests: Vec<Option<Digest>> = image.layers.iter().map(|layer| layer.digest.clone()).collect();
    let mut merged = merge(&digests, &read, image.config.as_ref(), image.problems, platform.as_ref());
    if !sandbox.believes_embedded_sboms() {
        merged.inventory.forget_embedded_sboms();
    }
    let described = Image {
        target: target.to_string(),
        reference: image.reference,
        digest: image.digest,
        base: image.base,
        platform: platform.as_ref().map(ToString::to_string),
        distro: merged.inventory.distro.clone(),
        layers: described_layers(&image.layers, &merged.layers, &read),
        created: image.config.as_ref().and_then(ImageConfig::created_at),
    };
    let word = Word { advisories, attached, indexes: image.home.map_or_else(Vec::new, Home::into_indexes) };
    Ok(conclude(described, merged, platform.as_ref(), word, now, progress))
}

fn described_layers(
    layers: &[SourceLayer],
    coverage: &[LayerCoverage],
    read: &[Option<Arc<LayerInventory>>],
) -> Vec<ImageLayer> {
    let all = layers.iter().zip(coverage).zip(read);
    all.map(|((layer, coverage), read)| ImageLayer {
        digest: coverage.digest.clone(),
        diff_id: read.as_deref().filter(|read| !assess::is_cut_short(read)).map(|read| read.diff_id.clone()),
        size: layer.size,
        read: coverage.read,
        command: coverage.command.clone(),
    })
    .collect()
}

async fn scan_sbom(
    target: &Target,
    part: &Part,
    sandbox: &Sandbox,
    advisories: Option<&Advisories>,
    now: Timestamp,
    progress: &ScanProgress,
) -> Result<Report> {
    let file = part
        .file
        .try_clone()
        .map_err(|error| Error::new(ErrorKind::Unavailable, "cannot open the SBOM").because(error))?;
    let input = Input::File { file, offset: part.offset, length: part.length };
    let inventory = sandbox.read_sbom(input).await.map_err(Error::from)?;
    let inventory = inventory.map_err(|problem| {
        Error::new(ErrorKind::Damaged, format!("{target} is not an SBOM that can be read: {problem}"))
    })?;
    let described = Image {
        target: target.to_string(),
        reference: None,
        digest: None,
        base: None,
        platform: None,
        distro: inventory.distro.clone(),
        layers: Vec::new(),
        created: None,
    };
    let merged = Merged { inventory, layers: Vec::new(), chain: Vec::new() };
    let word = Word { advisories, attached: Attached::default(), indexes: Vec::new() };
    Ok(conclude(described, merged, None, word, now, progress))
}

/// By whose word an image is judged.
struct Word<'a> {
    advisories: Option<&'a Advisories>,
    attached: Attached,
    /// The indexes that led to the image: a statement on one of them is on the image.
    indexes: Vec<Digest>,
}

fn conclude(
    image: Image,
    merged: Merged,
    platform: Option<&Platform>,
    word: Word<'_>,
    now: Timestamp,
    progress: &ScanProgress,
) -> Report {
    let Merged { inventory, layers, .. } = merged;
    progress(ScanEvent::Matching { packages: inventory.packages.len() });
    let advisories = word.advisories;
    let matches = advisories.map(|advisories| match_all(advisories, &word, &inventory.packages, &image));
    let matches = matches.unwrap_or_default();
    let coverage = assess::coverage(Looked { inventory: &inventory, layers, platform, advisories, now });
    Report::new(image, inventory, matches, coverage, word.attached.documents)
}

/// Reads each different layer once, as many at the same time as the sandbox allows. The answer is in the order of the
/// layers; `None` where there was nothing to read, with the reason among the problems.
async fn scan_layers(
    layers: &[SourceLayer],
    sandbox: &Sandbox,
    progress: &ScanProgress,
    problems: &mut Vec<Problem>,
) -> Result<Vec<Option<Arc<LayerInventory>>>> {
    let mut first_of: HashMap<&Digest, usize> = HashMap::new();
    let same_as: Vec<usize> = layers
        .iter()
        .enumerate()
        .map(|(number, layer)| {
            layer.digest.as_ref().map_or(number, |digest| *first_of.entry(digest).or_insert(number))
        })
        .collect();
    let different: Vec<usize> = (0..layers.len()).filter(|number| same_as[*number] == *number).collect();
    let bytes = different.iter().filter_map(|number| layers[*number].size).sum();
    progress(ScanEvent::Opened { layers: different.len(), bytes });
    let read = |number: &usize| {
        let layer = &layers[*number];
        let told = |outcome| {
            progress(ScanEvent::LayerRead { bytes: layer.size.unwrap_or(0) });
            outcome
        };
        read_layer(&layer.bytes, sandbox).map_ok(told).boxed()
    };
    let asked: Vec<_> = different.iter().map(read).collect();
    let outcomes: Vec<std::result::Result<LayerInventory, Problem>> =
        stream::iter(asked).buffered(WAITING_LAYERS).try_collect().await?;
    let mut inventories: Vec<Option<Arc<LayerInventory>>> = vec![None; layers.len()];
    for (number, outcome) in different.into_iter().zip(outcomes) {
        match outcome {
            Ok(inventory) => inventories[number] = Some(Arc::new(inventory)),
            Err(problem) => problems.push(problem),
        }
        if let LayerBytes::Folder { problems: found, .. } = &layers[number].bytes {
            problems.extend(found.take());
        }
    }
    Ok(same_as.into_iter().map(|number| inventories[number].clone()).collect())
}

/// Reads one layer. The inner error is the layer's own fault, the outer one is not.
async fn read_layer(
    bytes: &LayerBytes,
    sandbox: &Sandbox,
) -> Result<std::result::Result<LayerInventory, Problem>> {
    let input = match bytes.input()? {
        Ok(input) => input,
        Err(problem) => return Ok(Err(problem)),
    };
    match sandbox.read_layer(input).await {
        Ok(inventory) => Ok(Ok(inventory)),
        Err(error) => match fault_of_the_source(&error) {
            Some(problem) => Ok(Err(problem)),
            None => Err(error.into()),
        },
    }
}

/// A stream that ended with other content than its digest names, or a file that is shorter than its archive says, is the
/// layer's fault.
fn fault_of_the_source(error: &sandbox::Error) -> Option<Problem> {
    let cause = error.source()?.downcast_ref::<io::Error>()?;
    match cause.kind() {
        io::ErrorKind::InvalidData => Some(Problem::new(ProblemKind::Mismatch, cause.to_string())),
        io::ErrorKind::UnexpectedEof => Some(Problem::new(ProblemKind::Damaged, cause.to_string())),
        _ => None,
    }
}

impl From<sandbox::Error> for Error {
    fn from(error: sandbox::Error) -> Self {
        let kind = match error.kind() {
            sandbox::ErrorKind::Source | sandbox::ErrorKind::Spawn => ErrorKind::Unavailable,
            sandbox::ErrorKind::Walls => ErrorKind::Sandbox,
        };
        Self::new(kind, error.to_string()).because(error)
    }
}

/// An image, its layers laid over each other.
pub(crate) struct Merged {
    pub(crate) inventory: ImageInventory,
    pub(crate) layers: Vec<LayerCoverage>,
    /// The chain ids of the layers, lowest first, up to the first that was not read whole.
    pub(crate) chain: Vec<Digest>,
}

/// Lays the layers over each other, lowest first, with what is wrong with them and with the image. A layer that was not
/// read is `None`.
pub(crate) fn merge(
    digests: &[Option<Digest>],
    read: &[Option<Arc<LayerInventory>>],
    config: Option<&ImageConfig>,
    mut problems: Vec<Problem>,
    platform: Option<&Platform>,
) -> Merged {
    let known: Vec<(Option<Digest>, &LayerInventory)> = digests
        .iter()
        .zip(read)
        .filter_map(|(digest, layer)| Some((digest.clone(), layer.as_deref()?)))
        .collect();
    let mut inventory = ImageInventory::merge(&known);
    if let Some(config) = config.filter(|_| assess::windows(platform).is_none()) {
        let layers: Vec<_> = read.iter().map(Option::as_deref).collect();
        problems.extend(assess::check_diff_ids(&layers, &config.rootfs.diff_ids));
    }
    // What is wrong with the image as a whole comes first.
    problems.append(&mut inventory.problems);
    inventory.problems = problems;
    let whole: Vec<Option<&LayerInventory>> =
        read.iter().map(|layer| layer.as_deref().filter(|layer| !assess::is_cut_short(layer))).collect();
    let chain = chain_ids(whole.iter().map_while(|layer| Some(&(*layer)?.diff_id)));
    let commands = config.map(|config| config.commands(digests.len())).unwrap_or_default();
    let commands = commands.into_iter().chain(std::iter::repeat(String::new()));
    let layers = digests
        .iter()
        .zip(read.iter().zip(whole))
        .zip(commands)
        .filter_map(|((digest, (layer, whole)), command)| {
            let digest = digest.clone().or_else(|| Some(layer.as_deref()?.diff_id.clone()))?;
            Some(LayerCoverage { digest, read: whole.is_some(), command })
        })
        .collect();
    Merged { inventory, layers, chain }
}

/// Matches each different package version once. What is no finding is kept where somebody's word was set aside for it.
fn match_all(
    advisories: &Advisories,
    word: &Word<'_>,
    packages: &[InstalledPackage],
    image: &Image,
) -> Vec<(InstalledPackage, Match)> {
    let mut known: HashMap<_, Vec<Match>> = HashMap::new();
    let mut all = Vec::new();
    let digests: Vec<&str> = word.indexes.iter().chain(&image.digest).map(Digest::as_str).collect();
    let owners = Owners::among(packages);
    let this = vex::Image { digests: &digests, reference: image.reference.as_deref() };
    let (vex, attached) = (advisories.vex(), &word.attached.vex);
    for package in packages {
        let (name, version) = package.package.advised_as();
        let source = package.package.source_name();
        let owner = owners.of(package);
        let owned_by = owner.map(|owner| &owner.package.name);
        let key = (package.package.package_type, &package.ecosystem, name, source, version, owned_by);
        let matches = known.entry(key).or_insert_with(|| advisories.find(package, owner));
        if matches.is_empty() {
            continue;
        }
        let mut matches = matches.clone();
        if !(vex.is_empty() && attached.is_empty())
            && let Ok(purl) = package.purl.parse()
        {
            for found in &mut matches {
                // Where the operator has a word, others have none.
                let _ = vex.heed(found, &purl, this) || attached.heed(found, &purl, this);
            }
        }
        let is_told = |found: &Match| found.is_finding() || found.evidence.suppressed.is_some();
        all.extend(matches.into_iter().filter(is_told).map(|found| (package.clone(), found)));
    }
    all
}

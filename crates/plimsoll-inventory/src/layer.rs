//! One layer, entry by entry: what it adds, removes, replaces and links (OCI image specification, layer.md, "Representing
//! Changes").

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::rc::Rc;

use plimsoll_types::inventory::{FileContent, FileFact, HardLink, path_hash};
use plimsoll_types::probe::Limits;
use plimsoll_types::{LayerInventory, Problem, ProblemKind};

use crate::catalogers::{
    self, Cataloger, FIRST_PAGES, MAGIC, Reader, SNIFFERS, Start, Want, both, may_matter, weight,
};
use crate::distro;
use crate::lang::{self, npm};
use crate::os::{nix, ostree, rpm, windows};
use crate::path::{normalise, split};
use crate::tar::{Entry, Kind, Tar};
use crate::unpack::Unpack;

/// Problems that are listed one by one; the rest is a number.
const PROBLEMS: usize = 500;

/// What names a distribution and does not lie in its place is no longer.
const LINKED_BYTES: u64 = 64 * 1024;

/// Characters of a path that stand in a message when the path itself is what is wrong.
const SHOWN: usize = 200;

/// Reads the layer. See [`crate::read_layer`].
pub(crate) fn read(input: impl Read, limits: &Limits) -> LayerInventory {
    let mut tar = Tar::new(Unpack::new(input, limits).hashing(), limits.path_bytes);
    let mut layer = Layer::new(limits);
    if let Err(problem) = layer.read(&mut tar).and_then(|()| tar.drain()) {
        layer.problems.add(problem);
    }
    layer.finish(tar)
}

/// The books of one layer while it is read.
struct Layer<'a> {
    limits: &'a Limits,
    /// Entries so far. An entry's number says what came after it and so replaced it.
    entries: u32,
    facts: Vec<Fact>,
    /// The last fact of each path, by the path's hash; `None` where the file was read and said nothing.
    latest: HashMap<u64, Option<usize>>,
    replaced: Vec<Seen>,
    directories: Vec<Seen>,
    whiteouts: Vec<String>,
    opaque: Vec<String>,
    /// Links of candidates to what was not a candidate, or is not in this layer.
    links: Vec<(HardLink, u32)>,
    /// The store path of Nix at hand, and all that came by.
    store_path: String,
    store_paths: HashSet<u64>,
    /// Set once a path shows that this is Windows; with its build, once one tells it.
    windows: Option<String>,
    /// Files that wait for others.
    left: Vec<Left>,
    left_bytes: usize,
    problems: Problems,
    /// Memory that all this takes, against the limit of the record that comes back.
    weight: usize,
}

struct Fact {
    path: String,
    content: FileContent,
    /// Who found it by its path; `None` where its first bytes told what it is, which they do under any name.
    cataloger: Option<&'static Cataloger>,
    number: u32,
    /// Whether its own path says it. The content of a package store says something only through links to it.
    is_stored: bool,
}

/// A file that says something only together with another one.
pub(crate) struct Left {
    pub(crate) path: String,
    number: u32,
    pub(crate) bytes: Rc<Vec<u8>>,
}

/// A reader with its file in hand.
struct Reading {
    /// What it reads.
    name: &'static str,
    reader: Box<dyn Reader>,
    wants_more: bool,
    /// Whether it got all it wanted.
    whole: bool,
}

impl Reading {
    fn new(name: &'static str, reader: Box<dyn Reader>) -> Self {
        Self { name, reader, wants_more: true, whole: false }
    }
}

/// An entry by the hash of its path, and its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    path: u64,
    number: u32,
}

impl<'a> Layer<'a> {
    fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            entries: 0,
            facts: vec![],
            latest: HashMap::new(),
            replaced: vec![],
            directories: vec![],
            whiteouts: vec![],
            opaque: vec![],
            links: vec![],
            store_path: String::new(),
            store_paths: HashSet::new(),
            windows: None,
            left: vec![],
            left_bytes: 0,
            problems: Problems::default(),
            weight: 0,
        }
    }

    /// Reads all entries. An error ends the reading; what was found stays.
    fn read<R: Read>(&mut self, tar: &mut Tar<R>) -> Result<(), Problem> {
        let mut path = String::new();
        while let Some(entry) = tar.next()? {
            if u64::from(self.entries) >= self.limits.entries || self.entries == u32::MAX {
                return Err(limit(format!("the layer has more than {} entries", self.limits.entries)));
            }
            self.entries += 1;
            if self.understand_path(tar.path(), &mut path) {
                self.read_entry(tar, entry, &path)?;
            }
            if self.weight > self.limits.output_bytes {
                let most = self.limits.output_bytes;
                return Err(limit(format!("what the layer says takes more than {most} bytes")));
            }
        }
        Ok(())
    }

    fn understand_path(&mut self, raw: &[u8], path: &mut String) -> bool {
        if raw.len() > self.limits.path_bytes {
            let shown: String = crate::path::escape(&raw[..SHOWN.min(raw.len())]);
            let message = format!("a path is longer than {} bytes", self.limits.path_bytes);
            self.problems.add(Problem::at(ProblemKind::LimitExceeded, &format!("{shown}…"), message));
            return false;
        }
        if memchr::memchr_iter(b'/', raw).count() > self.limits.path_depth {
            let shown: String = crate::path::escape(&raw[..SHOWN.min(raw.len())]);
            let message = format!("a path is deeper than {} folders", self.limits.path_depth);
            self.problems.add(Problem::at(ProblemKind::LimitExceeded, &format!("{shown}…"), message));
            return false;
        }
        if !normalise(raw, path) {
            let shown = crate::path::escape(raw);
            self.problems.add(Problem::at(
                ProblemKind::Unreadable,
                &shown,
                "the path leads out of the image",
            ));
            return false;
        }
        true
    }

    fn read_entry<R: Read>(&mut self, tar: &mut Tar<R>, entry: Entry, path: &str) -> Result<(), Problem> {
        if split(path).1.starts_with(".wh.") {
            self.read_whiteout(path);
            return Ok(());
        }
        self.notice_place(path);
        let seen = Seen { path: path_hash(path), number: self.entries };
        self.weight += size_of::<Seen>();
        match entry.kind {
            // The root is there in any case, and nothing can take its place.
            _ if path.is_empty() => {}
            Kind::Directory => self.directories.push(seen),
            Kind::Other => self.replaced.push(seen),
            Kind::SymbolicLink => {
                self.replaced.push(seen);
                if let Some(link) =
                    distro::link(path, tar.target()).filter(|_| tar.target().len() <= self.limits.path_bytes)
                {
                    self.add_fact(path, link, None, false);
                }
            }
            Kind::HardLink => {
                self.replaced.push(seen);
                self.read_link(tar.target(), path);
            }
            Kind::File => {
                self.replaced.push(seen);
                return self.read_file(tar, entry, path, seen.path);
            }
        }
        Ok(())
    }

    /// What the path alone tells.
    fn notice_place(&mut self, path: &str) {
        if let Some(rest) = path.strip_prefix(nix::STORE) {
            let (name, _) = rest.split_once('/').unwrap_or((rest, ""));
            // Entries of one store path come one after the other.
            if self.store_path != name {
                name.clone_into(&mut self.store_path);
                if self.store_paths.insert(path_hash(name))
                    && let Some(package) = nix::package(name)
                {
                    self.add_fact(path, FileContent::packages([package]), None, false);
                }
            }
        } else if windows::is_windows(path) {
            let build = self.windows.get_or_insert_default();
            if let Some(found) = windows::build(path).filter(|_| build.is_empty()) {
                *build = format!(" (build {found})");
            }
        }
    }

    /// `.wh.NAME` removes NAME below, `.wh..wh..opq` all that is in its directory below; other `.wh..wh.` names are the
    /// bookkeeping of aufs.
    fn read_whiteout(&mut self, path: &str) {
        let (directory, name) = split(path);
        let gone = name.strip_prefix(".wh.").unwrap_or_default();
        let list = match gone {
            ".wh..opq" => {
                self.opaque.push(directory.to_owned());
                &self.opaque
            }
            _ if gone.starts_with(".wh.") => return,
            // Engines join these to the directory and remove that, or what is above it.
            "" | "." | ".." => {
                let message = "a whiteout that names nothing in its directory";
                return self.problems.add(Problem::at(ProblemKind::Unreadable, path, message));
            }
            gone if directory.is_empty() => {
                self.whiteouts.push(gone.to_owned());
                &self.whiteouts
            }
            gone => {
                self.whiteouts.push(format!("{directory}/{gone}"));
                &self.whiteouts
            }
        };
        self.weight += list.last().map_or(0, |path| path.len() + size_of::<String>() + 16);
    }

    /// A link is a second name: it says what its target said when it came by.
    fn read_link(&mut self, target: &[u8], path: &str) {
        let cataloger = catalogers::for_path(path);
        let mut normal = String::new();
        if target.len() > self.limits.path_bytes || !normalise(target, &mut normal) {
            if cataloger.is_some() {
                let message = "a hard link whose target is not a path in the image";
                self.problems.add(Problem::at(ProblemKind::Unreadable, path, message));
            }
            return;
        }
        match self.latest.get(&path_hash(&normal)) {
            Some(Some(fact)) => {
                let fact = &self.facts[*fact];
                let same = |c: &'static Cataloger| cataloger.is_some_and(|own| std::ptr::eq(own, c));
                // A binary is one under any name; any other file only where its own reader looks for it.
                if fact.cataloger.is_none_or(same) {
                    let (content, cataloger) = (fact.content.clone(), fact.cataloger);
                    self.add_fact(path, content, cataloger, false);
                }
            }
            Some(None) => {}
            None => {
                let wanted = cataloger.is_some();
                if wanted || may_matter(path) {
                    self.weight += path.len() + normal.len() + size_of::<HardLink>() + 32;
                    let link = HardLink { path: path.to_owned(), target: normal, wanted };
                    self.links.push((link, self.entries));
                }
            }
        }
    }

    fn read_file<R: Read>(
        &mut self,
        tar: &mut Tar<R>,
        entry: Entry,
        path: &str,
        hash: u64,
    ) -> Result<(), Problem> {
        let mut cataloger = catalogers::for_path(path);
        if entry.sparse {
            if cataloger.is_some() || entry.executable {
                let message = "a sparse file, of which the archive has only the parts";
                self.problems.add(Problem::at(ProblemKind::Unsupported, path, message));
            }
            return Ok(());
        }
        let mut is_stored = cataloger.is_none() && npm::is_stored(path) && tar.peek(1)? == b"{";
        let mut name = path;
        if is_stored {
            cataloger = Some(lang::npm_cataloger());
        } else if cataloger.is_none()
            && entry.size <= self.limits.file_bytes as u64 / 2
            && ostree::is_object(path)
            && let Some(guess) = ostree::guess(tar.peek(ostree::START)?)
        {
            (is_stored, name) = (true, guess.name);
            cataloger = catalogers::for_path(guess.place);
        }
        // A program is one under any name, and is looked for first.
        let mut readings = self.sniff(tar, entry, path)?;
        if cataloger.is_none() && readings.is_empty() && entry.size <= LINKED_BYTES {
            cataloger = Some(&distro::LINKED).filter(|linked| (linked.matches)(path));
        }
        readings.extend(cataloger.map(|own| Reading::new(own.name, (own.reader)(name, self.limits))));
        if readings.is_empty() {
            return Ok(());
        }
        let fed = self.feed(tar, entry, path, &mut readings);
        let mut content = None;
        for reading in readings {
            if let Some(bytes) = reading.reader.left().filter(|_| reading.whole) {
                self.left_bytes += bytes.len();
                self.left.push(Left { path: path.to_owned(), number: self.entries, bytes });
            }
            match reading.reader.finish(reading.whole) {
                Ok(more) => content = both(content, more),
                // A store holds everything under the same kind of name; that most of it is no metadata is no problem.
                Err(_) if is_stored => {}
                Err(unreadable) => {
                    let what =
                        if unreadable.content.is_some() { "not all understood" } else { "not understood" };
                    for (kind, reason) in unreadable.problems {
                        let message = format!("{what} as {} metadata: {reason}", reading.name);
                        self.problems.add(Problem::at(kind, path, message));
                    }
                    content = both(content, unreadable.content.map(|content| *content));
                }
            }
        }
        let says_something = content.is_some();
        if let Some(content) = content {
            self.add_fact(path, content, cataloger, is_stored);
        } else if cataloger.is_some() {
            self.latest.insert(hash, None);
        }
        if cataloger.is_some() || says_something {
            self.weight += 32;
        }
        fed
    }

    /// Those who see something in the first bytes of the file at hand. Nothing is consumed.
    fn sniff<R: Read>(&self, tar: &mut Tar<R>, entry: Entry, path: &str) -> Result<Vec<Reading>, Problem> {
        let magic = tar.peek(MAGIC)?;
        let begins =
            |sniffer: &&catalogers::Sniffer| sniffer.magic.iter().any(|start| magic.starts_with(start));
        if !SNIFFERS.iter().any(|sniffer| begins(&sniffer)) {
            return Ok(vec![]);
        }
        let start = Start { path, size: entry.size, bytes: tar.peek(FIRST_PAGES)?, limits: self.limits };
        let begins =
            |sniffer: &&catalogers::Sniffer| sniffer.magic.iter().any(|magic| start.bytes.starts_with(magic));
        let reading = |sniffer: &catalogers::Sniffer| {
            (sniffer.reader)(&start).map(|reader| Reading::new(sniffer.name, reader))
        };
        Ok(SNIFFERS.iter().filter(begins).filter_map(reading).collect())
    }

    /// Gives the file to its readers, piece by piece, as long as one wants more.
    fn feed<R: Read>(
        &mut self,
        tar: &mut Tar<R>,
        entry: Entry,
        path: &str,
        readings: &mut [Reading],
    ) -> Result<(), Problem> {
        readings.iter_mut().for_each(|reading| reading.reader.expect(entry.size));
        // What was left of other files counts too, once it is more than half of what one may take.
        let most = self.limits.file_bytes;
        let most = (most + most / 2).saturating_sub(self.left_bytes).min(most);
        loop {
            let piece = tar.read()?;
            if piece.is_empty() {
                readings.iter_mut().for_each(|reading| reading.whole |= reading.wants_more);
                return Ok(());
            }
            for reading in readings.iter_mut().filter(|reading| reading.wants_more) {
                if reading.reader.read(piece) == Want::Nothing {
                    (reading.wants_more, reading.whole) = (false, true);
                }
            }
            if readings.iter().map(|reading| reading.reader.held()).sum::<usize>() > most {
                let message = format!("what must be held of it is more than {most} bytes");
                self.problems.add(Problem::at(ProblemKind::LimitExceeded, path, message));
                readings.iter_mut().for_each(|reading| reading.wants_more = false);
            }
            if !readings.iter().any(|reading| reading.wants_more) {
                return Ok(());
            }
        }
    }

    fn add_fact(
        &mut self,
        path: &str,
        content: FileContent,
        cataloger: Option<&'static Cataloger>,
        is_stored: bool,
    ) {
        let inside: usize = match &content {
            FileContent::Distro(distro) => {
                let texts = [&distro.id, &distro.version_id, &distro.codename, &distro.pretty_name];
                texts.into_iter().chain(&distro.like).map(|text| text.len() + size_of::<String>() + 16).sum()
            }
            FileContent::Database(found) | FileContent::Packages(found) => found.iter().map(weight).sum(),
            FileContent::Channels(channels) => channels.names.iter().map(|name| name.len() + 40).sum(),
            FileContent::Files(list) => list.package.len() + list.paths.len() * 10,
            FileContent::Link(target) => target.len(),
        };
        self.weight += size_of::<Fact>() + path.len() + inside;
        // The reading ends here. What passes the limit is not kept, or nothing of the record would get through.
        if self.weight > self.limits.output_bytes {
            return;
        }
        self.latest.insert(path_hash(path), Some(self.facts.len()));
        self.facts.push(Fact { path: path.to_owned(), content, cataloger, number: self.entries, is_stored });
    }

    /// Closes the books.
    fn finish<R: Read>(mut self, tar: Tar<R>) -> LayerInventory {
        self.replaced.sort_unstable();
        self.directories.sort_unstable();
        self.read_what_was_left();
        if let Some(build) = &self.windows {
            let message = format!("a layer of Windows{build}, whose packages Plimsoll does not read");
            self.problems.add(Problem::new(ProblemKind::Unsupported, message));
        }
        let mut links = vec![];
        for (link, number) in std::mem::take(&mut self.links) {
            if self.is_replaced_after(&link.path, number) {
                continue;
            }
            let is_here = has(&self.replaced, &link.target, 0);
            if is_here && link.wanted {
                let message =
                    format!("a hard link to {}, which was not read because of its name", link.target);
                self.problems.add(Problem::at(ProblemKind::Unreadable, &link.path, message));
            } else if !is_here {
                links.push(link);
            }
        }
        let facts = std::mem::take(&mut self.facts);
        let mut files: Vec<_> = facts
            .into_iter()
            .filter(|fact| !fact.is_stored && !self.is_replaced_after(&fact.path, fact.number))
            .map(|fact| FileFact { path: fact.path, content: fact.content })
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        // A path comes twice only where two paths have one hash, which nobody meets by accident.
        files.dedup_by(|a, b| a.path == b.path);
        LayerInventory {
            unpacked_bytes: tar.unpacked_bytes(),
            entries: u64::from(self.entries),
            files,
            whiteouts: sorted(self.whiteouts),
            opaque: sorted(self.opaque),
            replaced: hashes(self.replaced),
            directories: hashes(self.directories),
            links,
            problems: self.problems.finish(),
            diff_id: tar.digest(),
        }
    }

    /// Reads the files that waited for others, now that all are there.
    fn read_what_was_left(&mut self) {
        let mut left = std::mem::take(&mut self.left);
        left.retain(|file| !self.is_replaced_after(&file.path, file.number));
        for (file, joined) in rpm::join(&left, self.limits) {
            let content = match joined {
                Ok(content) => content,
                Err(unreadable) => {
                    for (kind, reason) in unreadable.problems {
                        let message = format!("not understood as rpm metadata: {reason}");
                        self.problems.add(Problem::at(kind, &file.path, message));
                    }
                    unreadable.content.map(|content| *content)
                }
            };
            let Some(content) = content else { continue };
            self.weight += content.found().iter().map(weight).sum::<usize>();
            if self.weight > self.limits.output_bytes {
                let most = self.limits.output_bytes;
                return self.problems.add(limit(format!("what the layer says takes more than {most} bytes")));
            }
            let (path, number) = (file.path.clone(), file.number);
            self.facts.push(Fact { path, content, cataloger: None, number, is_stored: false });
        }
    }

    /// Whether a later entry of this layer took the place of the file, or of a directory above it: the last one wins.
    fn is_replaced_after(&self, path: &str, number: u32) -> bool {
        let mut above = path.match_indices('/').map(|(at, _)| &path[..at]);
        has(&self.replaced, path, number)
            || has(&self.directories, path, number)
            || above.any(|directory| has(&self.replaced, directory, number))
    }
}

/// Whether a path is in the sorted list with a number larger than `number`.
fn has(list: &[Seen], path: &str, number: u32) -> bool {
    let path = path_hash(path);
    let behind = list.partition_point(|seen| *seen <= Seen { path, number });
    list.get(behind).is_some_and(|seen| seen.path == path)
}

/// The paths alone. They stay in the memory that the list has, of which the other half is given back before the record is
/// written: of millions of entries both together would be the most that a layer takes.
fn hashes(sorted: Vec<Seen>) -> Vec<u64> {
    let mut hashes: Vec<_> = sorted.into_iter().map(|seen| seen.path).collect();
    hashes.dedup();
    hashes.shrink_to_fit();
    hashes
}

fn sorted(mut paths: Vec<String>) -> Vec<String> {
    paths.sort_unstable();
    paths.dedup();
    paths
}

fn limit(message: String) -> Problem {
    Problem::new(ProblemKind::LimitExceeded, message)
}

/// A list of problems that cannot grow without end.
#[derive(Default)]
pub(crate) struct Problems {
    listed: Vec<Problem>,
    more: u64,
}

impl Problems {
    pub(crate) fn add(&mut self, problem: Problem) {
        // What ends the reading is the last to come and says the most: it has its place in any case.
        if self.listed.len() < PROBLEMS || problem.path.is_none() {
            self.listed.push(problem);
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn finish(mut self) -> Vec<Problem> {
        if self.more > 0 {
            let message = format!("{} more files could not be read", self.more);
            self.listed.push(Problem::new(ProblemKind::Unreadable, message));
        }
        self.listed
    }
}

#[cfg(test)]
mod tests;

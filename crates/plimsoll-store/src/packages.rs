//! Package versions: each is stored once, however many images hold it.
//!
//! A package of a language whose files a package of the distribution owns is another package version than the same from
//! the language's own registry: what the distribution says of its package decides about both. So its row names its owner's,
//! and it is matched again when something changes for the owner.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use plimsoll_types::inventory::{Details, Owners};
use plimsoll_types::{InstalledPackage, Package};
use plimsoll_version::Scheme;
use sha2::Digest as _;

use crate::database::{Arg, Row, Tx, args};
use crate::scans::json;
use crate::{Error, Result, Store};

/// Pairs of names in one statement; see `database::MAX_LIST`.
const NAMES_AT_ONCE: usize = 250;
/// The longest list that is given at once.
const MAX_PAGE: u32 = 10_000;

/// The row of a package version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageId(pub i64);

/// A unique package version.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPackage {
    /// Its row.
    pub id: PackageId,
    /// The package, as some image holds it (path and layer are empty).
    pub package: InstalledPackage,
    /// The package of the distribution that owns its files, where one does.
    pub owner: Option<InstalledPackage>,
    /// The generation of the advisory database that it was last matched with; 0 for never.
    pub generation: u64,
}

/// What makes a package version one, in 32 bytes.
pub(crate) type Identity = [u8; 32];

/// The packages of an image, and what makes each of them one.
pub(crate) struct Identities<'a> {
    owners: Owners<'a>,
}

impl<'a> Identities<'a> {
    /// Of an image that holds these.
    pub(crate) fn among(packages: &'a [InstalledPackage]) -> Self {
        Self { owners: Owners::among(packages) }
    }

    pub(crate) fn of(&self, installed: &InstalledPackage) -> Identity {
        let fields = (&installed.package, &installed.ecosystem, &installed.purl);
        match self.owners.of(installed) {
            None => hash(&fields),
            Some(owner) => hash(&(fields, self.of(owner))),
        }
    }
}

fn hash(fields: &impl serde::Serialize) -> Identity {
    // Into a growing vector, of plain derived data: there is nothing that can fail.
    sha2::Sha256::digest(postcard::to_stdvec(fields).unwrap_or_default()).into()
}

impl Store {
    /// The rows of those of an image's packages that are known already, in their order; `None` where a package version is new.
    pub async fn stored_packages(&self, packages: &[InstalledPackage]) -> Result<Vec<Option<StoredPackage>>> {
        let of_image = Identities::among(packages);
        let identities: Vec<Identity> = packages.iter().map(|package| of_image.of(package)).collect();
        let unique: BTreeSet<&Identity> = identities.iter().collect();
        let list: Vec<_> = unique.into_iter().map(|identity| Arg::from(&identity[..])).collect();
        let sql = "select identity, id, generation from packages where identity in ({list})";
        let rows = self.db.all_in("look for package versions", sql, &[], &list).await?;
        let mut known = HashMap::with_capacity(rows.len());
        for row in &rows {
            known.insert(row.get::<Vec<u8>>(0)?, (row.get::<i64>(1)?, row.count(2)?));
        }
        let find = |(package, identity): (&InstalledPackage, &Identity)| {
            let (id, generation) = known.get(&identity[..]).copied()?;
            let owner = of_image.owners.of(package).map(bare);
            Some(StoredPackage { id: PackageId(id), package: bare(package), owner, generation })
        };
        Ok(packages.iter().zip(&identities).map(find).collect())
    }

    /// Up to `n` package versions behind `after` in row order that were last matched with an older generation than
    /// `generation`; with `names`, only those advised under one of these (ecosystem name, lookup name) pairs, or whose owner
    /// is. The lookup name `NAME (source)` is that of all packages built from a source package.
    pub async fn packages_to_rematch(
        &self,
        generation: u64,
        names: Option<&[(String, String)]>,
        after: PackageId,
        n: u32,
    ) -> Result<Vec<StoredPackage>> {
        let (generation, n) = (number(generation), n.min(MAX_PAGE));
        let fixed = args![generation, after.0, i64::from(n)];
        let attempt = "look for package versions to match";
        let Some(names) = names else {
            let sql = format!(
                "select {PACKAGE_COLUMNS}, p.owner from packages p where p.generation < $1 and p.id > $2 \
                order by p.id limit $3"
            );
            let rows = self.db.all(attempt, sql, &fixed).await?;
            return self.with_owners(&rows).await;
        };
        let mut found = Vec::new();
        let sources: Vec<(&str, &str)> = names
            .iter()
            .filter_map(|(ecosystem, name)| Some((ecosystem.as_str(), name.strip_suffix(" (source)")?)))
            .collect();
        let names: Vec<(&str, &str)> =
            names.iter().map(|(ecosystem, name)| (ecosystem.as_str(), name.as_str())).collect();
        // In SQLite a cross join is not turned round: each name is one search in the index.
        let by_name =
            "n cross join packages p where p.ecosystem_name = n.ecosystem and p.lookup_name = n.name";
        let by_owner = "n cross join packages o cross join packages p \
            where o.ecosystem_name = n.ecosystem and o.lookup_name = n.name and p.owner = o.id";
        // Sources have no index: one pass over the packages for all of them.
        let by_source = "packages p where (p.ecosystem_name, coalesce(p.source, p.name)) in \
            (select n.ecosystem, n.name from n)";
        for (join, names) in [(by_name, &names), (by_owner, &names), (by_source, &sources)] {
            for part in names.chunks(NAMES_AT_ONCE) {
                let rows: Vec<_> =
                    (0..part.len()).map(|i| format!("(${},${})", 4 + 2 * i, 5 + 2 * i)).collect();
                let sql = format!(
                    "with n (ecosystem, name) as (values {}) select {PACKAGE_COLUMNS}, p.owner from {join} \
                    and p.generation < $1 and p.id > $2 order by p.id limit $3",
                    rows.join(",")
                );
                let mut values = fixed.to_vec();
                values.extend(part.iter().flat_map(|(ecosystem, name)| args![*ecosystem, *name]));
                let rows = self.db.all(attempt, sql, &values).await?;
                found.extend(self.with_owners(&rows).await?);
            }
        }
        found.sort_by_key(|package| package.id);
        found.dedup_by_key(|package| package.id);
        found.truncate(n as usize);
        Ok(found)
    }

    /// Package versions from rows that have the owner's behind [`PACKAGE_COLUMNS`].
    async fn with_owners(&self, rows: &[Row]) -> Result<Vec<StoredPackage>> {
        let ids = rows.iter().map(|row| row.get(OWNER)).collect::<Result<BTreeSet<Option<i64>>>>()?;
        let list: Vec<_> = ids.into_iter().flatten().map(Arg::from).collect();
        let sql = format!("select {PACKAGE_COLUMNS} from packages p where p.id in ({{list}})");
        let mut owners: HashMap<i64, InstalledPackage> = HashMap::with_capacity(list.len());
        for row in self.db.all_in("look for the owners of packages", &sql, &[], &list).await? {
            owners.insert(row.get(0)?, package_at(&row, 2)?);
        }
        let read = |row: &Row| {
            let owner = row.get::<Option<i64>>(OWNER)?.and_then(|owner| owners.get(&owner).cloned());
            let (id, generation) = (PackageId(row.get(0)?), row.count(1)?);
            Ok(StoredPackage { id, package: package_at(row, 2)?, owner, generation })
        };
        rows.iter().map(read).collect()
    }
}

/// Adds those of an image's package versions that are new; gives the rows of all, by their identities.
pub(crate) async fn add_packages<'a>(
    tx: &mut Tx,
    of_image: &Identities<'a>,
    packages: impl Iterator<Item = &'a InstalledPackage>,
) -> Result<HashMap<Identity, i64>> {
    let packages: BTreeMap<Identity, &InstalledPackage> =
        packages.map(|package| (of_image.of(package), package)).collect();
    let mut known = find_packages(tx, packages.keys()).await?;
    let (owned, free): (Vec<_>, Vec<_>) = packages
        .iter()
        .filter(|(identity, _)| !known.contains_key(*identity))
        .map(|(identity, package)| (identity, *package, of_image.owners.of(package)))
        .partition(|(.., owner)| owner.is_some());
    // The owners are written before what they own, by whoever writes.
    for new in [free, owned] {
        let mut rows: Vec<Arg<'_>> = Vec::with_capacity(new.len() * COLUMNS);
        for (identity, package, owner) in &new {
            let owner = owner.and_then(|owner| known.get(&of_image.of(owner)).copied());
            rows.extend(package_row(identity, package, owner));
        }
        let sql = "insert into packages (identity, package_type, name, version, architecture, source, \
            source_version, ecosystem, purl, ecosystem_name, lookup_name, version_key, generation, owner, details) \
            values {rows} on conflict (identity) do nothing";
        tx.insert(sql, COLUMNS, &rows).await?;
        known.extend(find_packages(tx, new.iter().map(|(identity, ..)| *identity)).await?);
    }
    Ok(known)
}

/// The rows of those that are known, by their identities.
async fn find_packages(
    tx: &mut Tx,
    identities: impl Iterator<Item = &Identity>,
) -> Result<HashMap<Identity, i64>> {
    let list: Vec<_> = identities.map(|identity| Arg::from(&identity[..])).collect();
    let mut known = HashMap::with_capacity(list.len());
    for row in tx.all_in("select identity, id from packages where identity in ({list})", &[], &list).await? {
        let identity: &[u8] = row.get(0)?;
        let identity = identity.try_into().map_err(|_| Error::corrupt("an identity of the wrong length"))?;
        known.insert(identity, row.get(1)?);
    }
    Ok(known)
}

/// The values of a row.
const COLUMNS: usize = 15;

fn package_row<'a>(
    identity: &'a Identity,
    installed: &'a InstalledPackage,
    owner: Option<i64>,
) -> [Arg<'a>; COLUMNS] {
    let (package, details) = (&installed.package, kept(&installed.details));
    let (advised_name, advised_version) = package.advised_as();
    let ecosystem = installed.ecosystem.as_ref();
    // With its release, which may name another ecosystem: `Root:Alpine:3.18`.
    let scheme = ecosystem.and_then(|ecosystem| Scheme::of_ecosystem(&ecosystem.to_string()));
    args![
        &identity[..],
        package.package_type.as_str(),
        &package.name,
        &package.version,
        package.architecture.as_deref(),
        package.source.as_deref(),
        package.source_version.as_deref(),
        ecosystem.map(ToString::to_string),
        &installed.purl,
        ecosystem.map(|ecosystem| ecosystem.name()),
        ecosystem.map(|ecosystem| ecosystem.lookup_name(advised_name).into_owned()),
        scheme.map(|scheme| scheme.key(advised_version).into_bytes()),
        0_i64,
        owner,
        (details != Details::default()).then(|| json(&details)),
    ]
}

/// What of the details belongs to the package version, wherever it lies: its licences, and who built it.
fn kept(details: &Details) -> Details {
    let Details { licenses, origin, .. } = details;
    Details { licenses: licenses.clone(), origin: origin.clone(), ..Details::default() }
}

/// The package version without its place in an image.
fn bare(package: &InstalledPackage) -> InstalledPackage {
    let details = kept(&package.details);
    InstalledPackage { path: String::new(), layer: None, details, ..package.clone() }
}

/// The columns that [`package_at`] reads, its own from the third on, of `packages p`.
pub(crate) const PACKAGE_COLUMNS: &str = "p.id, p.generation, p.package_type, p.name, p.version, p.architecture, \
    p.source, p.source_version, p.ecosystem, p.purl, p.details";

/// The column behind them.
const OWNER: usize = 11;

/// The package whose columns begin with the type at column `at`.
pub(crate) fn package_at(row: &Row, at: usize) -> Result<InstalledPackage> {
    let package_type: &str = row.get(at)?;
    let known = plimsoll_types::PackageType::ALL.into_iter().find(|known| known.as_str() == package_type);
    let ecosystem: Option<&str> = row.get(at + 6)?;
    Ok(InstalledPackage {
        package: Package {
            package_type: known
                .ok_or_else(|| Error::corrupt(format!("{package_type} is no type of package")))?,
            name: row.get(at + 1)?,
            version: row.get(at + 2)?,
            architecture: row.get(at + 3)?,
            source: row.get(at + 4)?,
            source_version: row.get(at + 5)?,
        },
        ecosystem: ecosystem.map(|_| row.parse(at + 6)).transpose()?,
        path: String::new(),
        layer: None,
        purl: row.get(at + 7)?,
        details: row.json(at + 8)?.unwrap_or_default(),
    })
}

/// A generation as its column has it.
pub(crate) fn number(generation: u64) -> i64 {
    i64::try_from(generation).unwrap_or(i64::MAX)
}

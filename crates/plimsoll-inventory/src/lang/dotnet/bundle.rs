//! .NET programs in one file: a host, behind it the files of the application, and at the end a manifest that says where each
//! is (dotnet/designs, "Single-file Publish"; dotnet/runtime, `Microsoft.NET.HostModel`, "Bundle").
//!
//! One of the files is the `deps.json` that would lie beside the program otherwise, and it is never compressed. What passed
//! cannot be asked again, so whatever begins like one is held until the manifest tells which of them it is. Only a program
//! that goes on behind its last section is looked into.

use memchr::memmem;
use plimsoll_types::ProblemKind;
use plimsoll_types::inventory::FileContent;

use super::parse;
use crate::catalogers::{ELF, PE, Reader, Start, Unreadable, Want};
use crate::lang::pe::{Header, u16_at, u32_at};

/// Stands in the host, behind the eight bytes that say where the manifest is.
const SIGNATURE: [u8; 32] = [
    0x8b, 0x12, 0x02, 0xb9, 0x6a, 0x61, 0x20, 0x38, 0x72, 0x7b, 0x93, 0x02, 0x14, 0xd7, 0xa0, 0x32, 0x13,
    0xf5, 0xb9, 0xe6, 0xef, 0xae, 0x33, 0x18, 0xee, 0x3b, 0x2d, 0xce, 0x24, 0xb3, 0x6a, 0xae,
];
const OFFSET: usize = 8;

/// The first key of a `deps.json`, a brace and some space before it.
const KEY: &[u8] = b"\"runtimeTarget\"";
const BEFORE_KEY: usize = 16;

/// What is held of lists, all together, and how many may begin before nothing more is looked for. An application has its own
/// list, and perhaps those of programs that it brings along.
const LISTS_BYTES: usize = 8 * 1024 * 1024;
const LISTS: usize = 16;

/// What is read of a manifest; only those of .NET Core 3 name all files before the one that matters.
const MANIFEST_BYTES: usize = 1024 * 1024;

/// Files of a manifest.
const FILES: usize = 10_000;

/// The kind of file that is a `deps.json`.
const DEPS_JSON: u8 = 3;

/// A reader for a program with something behind it.
pub(crate) fn sniff(start: &Start<'_>) -> Option<Box<dyn Reader>> {
    let host = match start.bytes {
        bytes if bytes.starts_with(ELF) => end_of_elf(bytes)?,
        bytes if bytes.starts_with(PE) => end_of_pe(bytes)?,
        _ => return None,
    };
    let has_more = start.size.checked_sub(host).is_some_and(|more| more > SIGNATURE.len() as u64);
    has_more.then(|| Box::new(Bundle { host, ..Bundle::default() }) as Box<dyn Reader>)
}

/// Where the table of sections ends, which linkers write last.
fn end_of_elf(bytes: &[u8]) -> Option<u64> {
    let (table, sizes) = match bytes.get(4..6)? {
        [2, 1] => (u64::from(u32_at(bytes, 0x28)?) | u64::from(u32_at(bytes, 0x2c)?) << 32, 0x3a),
        [1, 1] => (u64::from(u32_at(bytes, 0x20)?), 0x2e),
        _ => return None,
    };
    let length = u64::from(u16_at(bytes, sizes)?) * u64::from(u16_at(bytes, sizes + 2)?);
    if table == 0 { None } else { table.checked_add(length) }
}

/// Where the last section ends.
fn end_of_pe(bytes: &[u8]) -> Option<u64> {
    Header::read(bytes)?.sections().map(|section| u64::from(section.size) + u64::from(section.offset)).max()
}

#[derive(Default)]
struct Bundle {
    /// Where the host ends in the file.
    host: u64,
    /// Where the manifest is, once the signature has passed.
    manifest: u64,
    /// Bytes that are still to be looked at, and where they are in the file.
    window: Vec<u8>,
    window_start: u64,
    stage: Stage,
    /// What may be the list, by its place in the file.
    lists: Vec<(u64, Vec<u8>)>,
    /// Lists that began.
    begun: usize,
}

/// What is looked for.
#[derive(Default)]
enum Stage {
    /// The signature.
    #[default]
    Host,
    /// The beginning of a list.
    Files,
    /// The end of a list.
    List(Object),
    /// Nothing more: the rest is the manifest.
    Manifest,
}

/// How far a JSON object has been read.
#[derive(Default)]
struct Object {
    depth: usize,
    is_text: bool,
    is_escaped: bool,
}

impl Object {
    /// The length of what of these bytes belongs to the object, if it ends in them.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.is_text => self.is_escaped = true,
                b'"' => self.is_text = !self.is_text,
                b'{' if !self.is_text => self.depth += 1,
                b'}' if !self.is_text => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

impl Reader for Bundle {
    fn read(&mut self, piece: &[u8]) -> Want {
        self.window.extend_from_slice(piece);
        while let Some(want) = self.step() {
            if want == Want::Nothing {
                return want;
            }
        }
        Want::More
    }

    fn held(&self) -> usize {
        self.window.len() + self.lists.iter().map(|(_, list)| list.len()).sum::<usize>()
    }

    fn finish(self: Box<Self>, whole: bool) -> Result<Option<FileContent>, Unreadable> {
        match self.stage {
            Stage::Host => return Ok(None),
            Stage::Manifest if !self.window.is_empty() => {}
            _ if !whole => return Ok(None),
            _ => return Err(Unreadable::because("its manifest is not where its host says")),
        }
        let place = Manifest { bytes: &self.window, at: 0 }.list().ok_or_else(|| {
            Unreadable::because("the manifest of a .NET program in one file makes no sense")
        })?;
        match self.lists.iter().find(|(start, _)| *start == place) {
            Some((_, list)) => parse("", list),
            None => {
                let message = "a .NET program in one file without a list of its libraries".to_owned();
                Unreadable::partly(None, vec![(ProblemKind::Unsupported, message)])
            }
        }
    }
}

impl Bundle {
    /// Goes on as far as the next find; `None` where more bytes are needed for that.
    fn step(&mut self) -> Option<Want> {
        let here = self.before_manifest();
        match &mut self.stage {
            Stage::Host => {
                let Some(at) = memmem::find(&self.window, &SIGNATURE) else {
                    let is_behind = self.window_start > self.host;
                    self.forget(self.window.len().saturating_sub(OFFSET + SIGNATURE.len()));
                    return is_behind.then_some(Want::Nothing);
                };
                let offset = at.checked_sub(OFFSET).and_then(|from| self.window.get(from..at));
                let offset = offset.and_then(|offset| offset.try_into().ok()).map_or(0, u64::from_le_bytes);
                // Zero in a host that nothing was put behind.
                if offset < self.host {
                    return Some(Want::Nothing);
                }
                self.manifest = offset;
                self.stage = Stage::Files;
                self.forget(at + SIGNATURE.len());
                Some(Want::More)
            }
            Stage::Files => {
                let searched = if self.begun < LISTS { here } else { 0 };
                let found = memmem::find_iter(&self.window[..searched], KEY).find_map(|at| {
                    let before = &self.window[at.saturating_sub(BEFORE_KEY)..at];
                    let space = before.iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
                    let brace = at.checked_sub(space + 1)?;
                    (self.window[brace] == b'{').then_some(brace)
                });
                if let Some(brace) = found {
                    self.begun += 1;
                    self.forget(brace);
                    self.lists.push((self.window_start, vec![]));
                    self.stage = Stage::List(Object::default());
                    return Some(Want::More);
                }
                self.forget(if self.is_at_manifest() {
                    here
                } else {
                    here.saturating_sub(BEFORE_KEY + KEY.len())
                });
                self.go_to_manifest()
            }
            Stage::List(object) => {
                let end = object.end(&self.window[..here]);
                let taken = end.unwrap_or(here);
                let held: usize = self.lists.iter().map(|(_, list)| list.len()).sum();
                let is_too_long = held.saturating_add(taken) > LISTS_BYTES;
                if is_too_long {
                    self.lists.pop();
                } else if let Some((_, list)) = self.lists.last_mut() {
                    list.extend_from_slice(&self.window[..taken]);
                }
                if end.is_some() || is_too_long {
                    self.stage = Stage::Files;
                }
                self.forget(taken);
                if end.is_some() || is_too_long { Some(Want::More) } else { self.go_to_manifest() }
            }
            Stage::Manifest => {
                self.window.truncate(MANIFEST_BYTES);
                (self.window.len() == MANIFEST_BYTES).then_some(Want::Nothing)
            }
        }
    }

    /// Bytes of the window that are not of the manifest.
    fn before_manifest(&self) -> usize {
        let here = self.manifest.saturating_sub(self.window_start);
        usize::try_from(here).unwrap_or(usize::MAX).min(self.window.len())
    }

    fn is_at_manifest(&self) -> bool {
        self.window_start + self.window.len() as u64 >= self.manifest
    }

    fn go_to_manifest(&mut self) -> Option<Want> {
        (self.window_start == self.manifest).then(|| {
            self.stage = Stage::Manifest;
            Want::More
        })
    }

    fn forget(&mut self, length: usize) {
        self.window.drain(..length);
        self.window_start += length as u64;
    }
}

/// Number of the format, number of files, a name; from the second format on the place of the list; then the files.
struct Manifest<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Manifest<'a> {
    /// Where the list is; 0 where there is none.
    fn list(mut self) -> Option<u64> {
        let major = u32::from_le_bytes(self.take(4)?.try_into().ok()?);
        self.take(4)?;
        let files = u32::from_le_bytes(self.take(4)?.try_into().ok()?);
        self.text()?;
        if major >= 2 {
            return self.number();
        }
        for _ in 0..usize::try_from(files).ok()?.min(FILES) {
            let (place, _, kind) = (self.number()?, self.number()?, *self.take(1)?.first()?);
            self.text()?;
            if kind == DEPS_JSON {
                return Some(place);
            }
        }
        Some(0)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    /// Skips a text behind its length, of which a byte has seven bits.
    fn text(&mut self) -> Option<()> {
        let mut length = 0_usize;
        for shift in [0, 7, 14] {
            let byte = *self.take(1)?.first()?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return self.take(length).map(|_| ());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{Archive, packages};

    const LIST: &str = r#"{
  "runtimeTarget": { "name": ".NETCoreApp,Version=v8.0/linux-x64", "signature": "" },
  "targets": { ".NETCoreApp,Version=v8.0/linux-x64": {
      "web/1.0.0": { "runtime": { "web.dll": {} } },
      "Newtonsoft.Json/12.0.1": { "runtime": { "lib/netstandard2.0/Newtonsoft.Json.dll": {} } },
      "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.1": { "runtime": { "System.dll": {} } } } },
  "libraries": { "web/1.0.0": { "type": "project" }, "Newtonsoft.Json/12.0.1": { "type": "package", "path": "a}\"{" },
      "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.1": { "type": "runtimepack" } }
}"#;

    /// A program as the bundler lays it out: the host with the place of the manifest in it, the files, the manifest.
    fn program(major: u32, files: &[(u8, &str)]) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(300_000, 0);
        bytes[0x28..0x30].copy_from_slice(&299_904_u64.to_le_bytes());
        bytes[0x34] = 64;
        bytes[0x3a..0x3e].copy_from_slice(&[64, 0, 1, 0]);
        bytes[200_008..200_040].copy_from_slice(&SIGNATURE);
        let mut entries = Vec::new();
        for (number, (kind, text)) in files.iter().enumerate() {
            bytes.resize(bytes.len().next_multiple_of(4096), 0);
            entries.push((bytes.len() as u64, text.len() as u64, *kind, format!("file{number}")));
            bytes.extend_from_slice(text.as_bytes());
        }
        let manifest = bytes.len() as u64;
        bytes[200_000..200_008].copy_from_slice(&manifest.to_le_bytes());
        let count = u32::try_from(files.len()).unwrap();
        for number in [major, 0, count] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(b"\x0cabcdefghijkl");
        if major >= 2 {
            let list =
                entries.iter().find(|entry| entry.2 == DEPS_JSON).map_or((0, 0), |entry| (entry.0, entry.1));
            for number in [list.0, list.1, 0, 0, 0] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
        for (place, size, kind, name) in entries {
            bytes.extend_from_slice(&place.to_le_bytes());
            bytes.extend_from_slice(&size.to_le_bytes());
            if major >= 6 {
                bytes.extend_from_slice(&0_u64.to_le_bytes());
            }
            bytes.push(kind);
            bytes.push(u8::try_from(name.len()).unwrap());
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes
    }

    fn read(bytes: &[u8]) -> (Vec<String>, usize) {
        let layer = Archive::default().file("app/web", bytes).read();
        (packages(&layer), layer.problems.len())
    }

    #[test]
    fn the_list_inside_a_program_is_read_in_every_format() {
        let other = LIST.replace("12.0.1", "9.9.9");
        let expected =
            ["app/web Microsoft.NETCore.App.Runtime.linux-x64 8.0.1", "app/web Newtonsoft.Json 12.0.1"];
        for major in [1, 2, 6] {
            let code = "code ".repeat(100_000);
            // Another list is among the files of the application, and is not its own.
            let files =
                [(1, code.as_str()), (0, other.as_str()), (DEPS_JSON, LIST), (1, "more code"), (4, "{}")];
            assert_eq!(read(&program(major, &files)), (expected.map(str::to_owned).to_vec(), 0), "{major}");
        }
    }

    #[test]
    fn what_is_no_such_program_says_nothing_and_a_broken_one_says_so() {
        let files = [(1, "code"), (DEPS_JSON, LIST)];
        let whole = program(6, &files);
        let mut host = whole[..300_000].to_vec();
        host[200_000..200_008].fill(0);
        host.extend_from_slice(&[0; 1000]);
        assert_eq!(read(&host), (vec![], 0));
        assert_eq!(read(&whole[..300_000]), (vec![], 0));
        assert_eq!(read(&program(6, &[(1, "code")])), (vec![], 1));
        let manifest = whole.len() - 100;
        assert_eq!(read(&whole[..manifest - 50]).0, Vec::<String>::new());
        let mut wrong = whole.clone();
        wrong[200_000..200_008].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(read(&wrong), (vec![], 1));
        // As many lists as fit, of which the last is the one.
        let (empty, many) = (r#"{"runtimeTarget":{}}"#, r#"{"runtimeTarget":{}}"#.repeat(200_000));
        let found = read(&program(6, &[(0, empty), (0, empty), (DEPS_JSON, LIST)]));
        assert_eq!((found.0.len(), found.1), (2, 0));
        assert_eq!(read(&program(6, &[(0, &many), (DEPS_JSON, LIST)])), (vec![], 1));
        let unended = program(6, &[(DEPS_JSON, &LIST[..LIST.len() - 1]), (1, "code")]);
        assert_eq!(read(&unended).1, 1);
    }
}

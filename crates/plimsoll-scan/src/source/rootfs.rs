//! An unpacked root file system, handed to the probe as a layer: a tar archive made on the fly.
//!
//! Links are told as links and never followed, not even in the path to a file: every file is opened from its folder's
//! descriptor. Devices, sockets and pipes are left out, as are the kernel's own file systems. What cannot be read is a
//! problem; the rest goes on.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use bytes::Bytes;
use futures_util::{Stream, stream};
use plimsoll_types::{Problem, ProblemKind};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use tokio::sync::mpsc;

use super::{LayerBytes, Problems, SourceImage, SourceLayer};
use crate::{Error, ErrorKind, Result};

/// Folders in folders; each holds a descriptor open while it is walked.
const MAX_DEPTH: usize = 256;
/// Bytes that are sent at once, and how many of these may wait.
const CHUNK: usize = 256 * 1024;
const WAITING: usize = 4;
/// `f_type` of the kernel's own file systems (statfs(2)): proc, sysfs, cgroup, cgroup2, debugfs, tracefs, securityfs,
/// devpts, bpf, pstore, configfs, binfmt_misc, mqueue, hugetlbfs, efivarfs.
const KERNEL_FILE_SYSTEMS: [u64; 15] = [
    0x9fa0,
    0x6265_6572,
    0x0027_e0eb,
    0x6367_7270,
    0x6462_6720,
    0x7472_6163,
    0x7363_6673,
    0x1cd1,
    0xcafe_4a11,
    0x6165_676c,
    0x6265_6570,
    0x4249_4e4d,
    0x1980_0202,
    0x9584_58f6,
    0xde5e_81e4,
];

/// `rootfs:DIR`.
pub(super) fn open(path: &Path) -> Result<SourceImage> {
    let folder = File::open(path).map_err(|error| Error::file("open", path, error))?;
    if !folder.metadata().map_err(|error| Error::file("read", path, error))?.is_dir() {
        return Err(Error::new(ErrorKind::Usage, format!("{} is not a folder", path.display())));
    }
    let bytes = LayerBytes::Folder { folder, problems: Problems::default() };
    Ok(SourceImage {
        reference: None,
        digest: None,
        base: None,
        config: None,
        layers: vec![SourceLayer { digest: None, size: None, bytes }],
        problems: Vec::new(),
        notes: Vec::new(),
        home: None,
    })
}

/// The folder as a tar archive. Ends early, without a loss, when nobody listens any more.
pub(super) fn stream(
    folder: File,
    problems: Problems,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let mut walk = Walk { archive: Archive { buffer: Vec::with_capacity(CHUNK), sender }, problems };
        // An error here means that the probe has heard enough.
        let _ = walk.root(folder).and_then(|()| walk.archive.end());
    });
    stream::unfold(receiver, |mut receiver| async move { Some((Ok(receiver.recv().await?), receiver)) })
}

struct Walk {
    archive: Archive,
    problems: Problems,
}

/// A folder that is being walked.
struct Level {
    folder: OwnedFd,
    /// Its path from the root, with a slash at its end; empty for the root.
    path: Vec<u8>,
    /// What is left of it, in falling order.
    names: Vec<CString>,
}

/// Nobody listens any more.
struct Hung;

impl Walk {
    fn root(&mut self, folder: File) -> std::result::Result<(), Hung> {
        let mut levels: Vec<Level> = self.enter(OwnedFd::from(folder), Vec::new()).into_iter().collect();
        while let Some(level) = levels.last_mut() {
            let Some(name) = level.names.pop() else {
                levels.pop();
                continue;
            };
            let path = [&level.path, name.as_bytes()].concat();
            let found = rustix::fs::statat(&level.folder, &name, AtFlags::SYMLINK_NOFOLLOW);
            let kind = match found {
                Ok(found) => FileType::from_raw_mode(found.st_mode),
                Err(error) => {
                    self.unreadable(&path, error);
                    continue;
                }
            };
            match kind {
                FileType::RegularFile => self.file(level.folder.as_fd(), &name, &path)?,
                FileType::Symlink => match rustix::fs::readlinkat(&level.folder, &name, Vec::new()) {
                    Ok(target) => self.archive.header(b'2', &path, 0, target.as_bytes())?,
                    Err(error) => self.unreadable(&path, error),
                },
                FileType::Directory => {
                    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    let folder = match rustix::fs::openat(&level.folder, &name, flags, Mode::empty()) {
                        Ok(folder) => folder,
                        Err(error) => {
                            self.unreadable(&path, error);
                            continue;
                        }
                    };
                    if is_the_kernels(&folder) {
                        continue;
                    }
                    let inside = [&path, &b"/"[..]].concat();
                    self.archive.header(b'5', &inside, 0, b"")?;
                    if levels.len() >= MAX_DEPTH {
                        let message = format!("folders more than {MAX_DEPTH} deep are not read");
                        self.problems.add(Problem::at(ProblemKind::LimitExceeded, &shown(&path), message));
                        continue;
                    }
                    levels.extend(self.enter(folder, inside));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn enter(&mut self, folder: OwnedFd, path: Vec<u8>) -> Option<Level> {
        let mut names = Vec::new();
        let listed = Dir::read_from(&folder).and_then(|entries| {
            for entry in entries {
                let entry = entry?;
                if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                    names.push(entry.file_name().to_owned());
                }
            }
            Ok(())
        });
        if let Err(error) = listed {
            self.unreadable(&path, error);
        }
        names.sort_unstable_by(|a, b| b.cmp(a));
        (!names.is_empty()).then_some(Level { folder, path, names })
    }

    fn file(&mut self, folder: impl AsFd, name: &CString, path: &[u8]) -> std::result::Result<(), Hung> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(folder, name, flags, Mode::empty()).map(File::from);
        let file = opened.map_err(io::Error::from).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, mut file) = match file {
            Ok((metadata, file)) if metadata.is_file() => (metadata, file),
            // It became something else since it was looked at.
            Ok(_) => return Ok(()),
            Err(error) => {
                self.unreadable(path, error);
                return Ok(());
            }
        };
        let size = metadata.len();
        self.archive.header(b'0', path, size, b"")?;
        let mut left = size;
        while left > 0 {
            match self.archive.copy(&mut file, left)? {
                Ok(0) => {
                    self.unreadable(path, "it became shorter while it was read");
                    break;
                }
                Ok(read) => left -= read,
                Err(error) => {
                    self.unreadable(path, error);
                    break;
                }
            }
        }
        self.archive.zeroes(left + padding(size))
    }

    fn unreadable(&self, path: &[u8], error: impl std::fmt::Display) {
        self.problems.add(Problem::at(ProblemKind::Unreadable, &shown(path), error.to_string()));
    }
}

fn is_the_kernels(folder: &OwnedFd) -> bool {
    // The width of the field differs from machine to machine; the numbers have 32 bits.
    rustix::fs::fstatfs(folder)
        .is_ok_and(|found| KERNEL_FILE_SYSTEMS.contains(&(found.f_type as u64 & 0xffff_ffff)))
}

fn shown(path: &[u8]) -> String {
    match path {
        [] => "/".to_owned(),
        path => String::from_utf8_lossy(path).into_owned(),
    }
}

fn padding(size: u64) -> u64 {
    size.next_multiple_of(512) - size
}

/// Writes an archive in GNU tar's dialect into a channel.
struct Archive {
    buffer: Vec<u8>,
    sender: mpsc::Sender<Bytes>,
}

impl Archive {
    fn header(&mut self, kind: u8, path: &[u8], size: u64, link: &[u8]) -> std::result::Result<(), Hung> {
        for (kind, text) in [(b'L', path), (b'K', link)] {
            if text.len() > 100 {
                let length = text.len() as u64 + 1;
                self.put(&block(kind, b"././@LongLink", length, b""))?;
                self.put(text)?;
                self.zeroes(1 + padding(length))?;
            }
        }
        self.put(&block(kind, path, size, link))
    }

    /// The end of an archive is two empty blocks.
    fn end(&mut self) -> std::result::Result<(), Hung> {
        self.zeroes(1024)?;
        self.flush()
    }

    fn put(&mut self, bytes: &[u8]) -> std::result::Result<(), Hung> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    fn zeroes(&mut self, mut count: u64) -> std::result::Result<(), Hung> {
        while count > 0 {
            let some = count.min(4096);
            self.put(&[0; 4096][..usize::try_from(some).unwrap_or(4096)])?;
            count -= some;
        }
        Ok(())
    }

    fn copy(&mut self, file: &mut File, most: u64) -> std::result::Result<io::Result<u64>, Hung> {
        let wanted = most.min(CHUNK as u64);
        let read = file.take(wanted).read_to_end(&mut self.buffer);
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(read.map(|read| read as u64))
    }

    fn flush(&mut self) -> std::result::Result<(), Hung> {
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        self.sender.blocking_send(chunk.into()).map_err(|_| Hung)
    }
}

fn block(kind: u8, path: &[u8], size: u64, link: &[u8]) -> [u8; 512] {
    let mut block = [0; 512];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &path[..path.len().min(100)]);
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    if size < 1 << 33 {
        put(124, format!("{size:011o}\0").as_bytes());
    } else {
        // Base 256, as GNU tar has it, for files of 8 GiB and more.
        put(124, &[&[0x80, 0, 0, 0][..], &size.to_be_bytes()].concat());
    }
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, &[kind]);
    put(157, &link[..link.len().min(100)]);
    put(257, b"ustar  \0");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

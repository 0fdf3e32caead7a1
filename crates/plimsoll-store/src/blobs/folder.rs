//! Blobs in a folder.
//!
//! ```text
//! uploads/<32 hex>              an upload; one without a row has its file locked while it lives
//! blobs/sha256/<aa>/<64 hex>    a blob
//! ```
//!
//! A file is synced before it is renamed to its place, and the folder after. Renaming over an orphan of the same digest, or
//! over the blob itself when two clients push it at once, replaces bytes by the same bytes.

use std::fs::{File, OpenOptions};
use std::io::{IoSlice, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use plimsoll_types::{Algorithm, Digest, Hasher};
use tokio::task::{JoinHandle, spawn_blocking};

use super::{ByteStream, Hold, Holds, Progress, UploadId, next_batch};
use crate::{Error, ErrorKind, Result};

/// Bytes that are hashed and written in one go: enough that the change of threads costs nothing, few enough to stay in
/// the processor's cache between the hash and the write.
const BATCH_BYTES: usize = 512 * 1024;

pub(crate) struct Folder {
    root: PathBuf,
    pub(super) holds: Holds,
}

impl Folder {
    pub(super) fn open(path: &str) -> Result<Self> {
        if path.is_empty() {
            return Err(Error::new(ErrorKind::Misconfigured, "file: needs the path of a folder behind it"));
        }
        let root = PathBuf::from(path);
        for folder in ["uploads", "blobs/sha256", "blobs/sha512"] {
            let folder = root.join(folder);
            std::fs::create_dir_all(&folder).map_err(|e| Error::file("make the folder", &folder, e))?;
        }
        for folder in ["", "blobs"] {
            sync_folder(&root.join(folder))?;
        }
        Ok(Self { root, holds: Holds::default() })
    }

    pub(super) fn check(&self) -> Result<()> {
        let uploads = self.root.join("uploads");
        let unreachable = |e| Error::file("reach the blob folder", &uploads, e);
        // Reading is not enough: a full or read-only file system answers nothing useful to a push.
        rustix::fs::access(&uploads, rustix::fs::Access::WRITE_OK).map_err(|e| unreachable(e.into()))
    }

    pub(super) fn size(&self, location: &str) -> Result<u64> {
        let path = self.root.join(location);
        let meta = std::fs::metadata(&path).map_err(|e| Error::file("look at the blob", &path, e))?;
        Ok(meta.len())
    }

    pub(super) async fn open_blob(&self, location: &str) -> Result<File> {
        let path = self.root.join(location);
        blocking(move || File::open(&path).map_err(|e| Error::file("open the blob", &path, e))).await
    }

    pub(super) async fn read(&self, location: &str, range: Range<u64>) -> Result<ByteStream> {
        let path = self.root.join(location);
        // The first bytes come with the opening, so that a small blob costs one change of threads.
        let (first, rest) = blocking(move || {
            let failed = |e| Error::file("read the blob", &path, e);
            let mut file = File::open(&path).map_err(failed)?;
            if range.start > 0 {
                file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
            }
            read_some(file, range.end - range.start).map_err(failed)
        })
        .await?;
        let rest = futures_util::stream::unfold(rest, |rest| async move {
            let (file, left) = rest?;
            let read = spawn_blocking(move || read_some(file, left)).await;
            match read.map_err(std::io::Error::other).and_then(|read| read) {
                Ok((bytes, rest)) => Some((Ok(bytes), rest)),
                Err(error) => Some((Err(error), None)),
            }
        });
        let first = futures_util::stream::once(std::future::ready(Ok(first)));
        Ok(Box::pin(futures_util::StreamExt::chain(first, rest)))
    }

    pub(super) async fn write(
        &self,
        id: &UploadId,
        progress: Progress,
        mut body: ByteStream,
        hold: Arc<Hold>,
    ) -> Result<Progress> {
        let path = self.root.join("uploads").join(&id.0);
        let mut batch = next_batch(&mut body, BATCH_BYTES).await?;
        let mut writing: JoinHandle<Result<Writer>>;
        let mut writer = None;
        let mut start = Some((path, progress, hold));
        loop {
            let last = batch.is_empty();
            let (here, begin) = (writer.take(), start.take());
            writing = spawn_blocking(move || {
                let mut writer = match (here, begin) {
                    (Some(writer), _) => writer,
                    (None, Some((path, progress, hold))) => Writer::open(path, progress, hold)?,
                    (None, None) => return Err(Error::corrupt("an upload lost its file")),
                };
                if last {
                    writer.sync()?
                } else {
                    writer.write(&batch)?
                }
                Ok(writer)
            });
            if last {
                break;
            }
            // The next bytes are collected while these are written.
            let next = next_batch(&mut body, BATCH_BYTES).await;
            writer = Some(writing.await.map_err(Error::stopped)??);
            batch = next?;
        }
        Ok(writing.await.map_err(Error::stopped)??.progress)
    }

    /// Reads the upload again, with another algorithm.
    pub(super) async fn hash(&self, id: &UploadId, algorithm: Algorithm) -> Result<Digest> {
        let path = self.root.join("uploads").join(&id.0);
        blocking(move || {
            let failed = |e| Error::file("read the upload", &path, e);
            let mut file = File::open(&path).map_err(failed)?;
            let (mut hasher, mut buffer) = (Hasher::new(algorithm), vec![0; BATCH_BYTES]);
            loop {
                match file.read(&mut buffer).map_err(failed)? {
                    0 => return Ok(hasher.finish()),
                    n => hasher.update(&buffer[..n]),
                }
            }
        })
        .await
    }

    /// Renames the upload, which is synced already, to the blob's place; tells the place.
    pub(super) async fn publish(&self, id: &UploadId, digest: &Digest) -> Result<String> {
        let (algorithm, hex) = (digest.algorithm().as_str(), digest.hex());
        let location = format!("blobs/{algorithm}/{}/{hex}", &hex[..2]);
        let (from, to) = (self.root.join("uploads").join(&id.0), self.root.join(&location));
        blocking(move || {
            let folder = to.parent().unwrap_or(&to);
            if !folder.exists() {
                std::fs::create_dir_all(folder).map_err(|e| Error::file("make the folder", folder, e))?;
                sync_folder(folder.parent().unwrap_or(folder))?;
            }
            std::fs::rename(&from, &to).map_err(|e| Error::file("move the upload to", &to, e))?;
            sync_folder(folder)
        })
        .await?;
        Ok(location)
    }

    /// Removes the file of an upload. Where that fails, the next start tries again.
    pub(super) fn discard(&self, id: &UploadId) {
        let _ = std::fs::remove_file(self.root.join("uploads").join(&id.0));
    }

    /// Removes the file of an upload without a row when the request ends, however it ends.
    pub(super) fn cleaner(&self, id: &UploadId) -> Cleaner {
        Cleaner(self.root.join("uploads").join(&id.0))
    }

    /// The names of all upload files.
    pub(super) fn uploads(&self) -> Result<Vec<String>> {
        let folder = self.root.join("uploads");
        let failed = |e| Error::file("list the folder", &folder, e);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            names.extend(entry.map_err(failed)?.file_name().into_string());
        }
        Ok(names)
    }

    /// Removes an upload file that no row names, unless another process is writing it.
    pub(super) fn remove_stray(&self, name: &str) {
        let path = self.root.join("uploads").join(name);
        let Ok(file) = File::open(&path) else { return };
        if rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// Removes a file when dropped. It is gone already where the upload became a blob.
pub(super) struct Cleaner(PathBuf);

impl Drop for Cleaner {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The file of an upload, for the time of one request.
struct Writer {
    file: File,
    path: PathBuf,
    progress: Progress,
    /// Dropped with the last write, so that no other request begins to write before.
    _hold: Arc<Hold>,
}

impl Writer {
    /// Opens the file at the offset that was acknowledged; what lies behind it never was.
    fn open(path: PathBuf, progress: Progress, hold: Arc<Hold>) -> Result<Self> {
        let failed = |e| Error::file("write the upload", &path, e);
        let mut file =
            OpenOptions::new().create(true).write(true).truncate(false).open(&path).map_err(failed)?;
        // The lock tells other processes on this folder that the file is not a stray; nobody waits for it.
        let _ = rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive);
        let length = file.metadata().map_err(failed)?.len();
        if length < progress.received {
            let message = format!("the upload {} lost bytes that were acknowledged", path.display());
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        if length > progress.received {
            file.set_len(progress.received).map_err(failed)?;
        }
        file.seek(SeekFrom::Start(progress.received)).map_err(failed)?;
        Ok(Self { file, path, progress, _hold: hold })
    }

    fn write(&mut self, batch: &[Bytes]) -> Result<()> {
        for bytes in batch {
            self.progress.take(bytes);
        }
        let mut slices: Vec<_> = batch.iter().map(|bytes| IoSlice::new(bytes)).collect();
        let mut slices = slices.as_mut_slice();
        while !slices.is_empty() {
            match self.file.write_vectored(slices) {
                Ok(0) => return Err(self.failed(std::io::ErrorKind::WriteZero.into())),
                Ok(n) => IoSlice::advance_slices(&mut slices, n),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.file.sync_data().map_err(|e| self.failed(e))
    }

    fn failed(&self, error: std::io::Error) -> Error {
        Error::file("write the upload", &self.path, error)
    }
}

/// Up to a batch of bytes, and the file for the next time where more are wanted.
fn read_some(mut file: File, wanted: u64) -> std::io::Result<(Bytes, Option<(File, u64)>)> {
    let size = usize::try_from(wanted).unwrap_or(usize::MAX).min(BATCH_BYTES);
    let mut buffer = Vec::with_capacity(size);
    Read::by_ref(&mut file).take(size as u64).read_to_end(&mut buffer)?;
    if buffer.len() < size {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let left = wanted - size as u64;
    Ok((buffer.into(), (left > 0).then_some((file, left))))
}

fn sync_folder(path: &Path) -> Result<()> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|e| Error::file("sync the folder", path, e))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.map_err(Error::stopped)?
}

//! Programs that UPX packed: what is in them is not to be seen without running code, and that is said (upx.github.io).

use memchr::memmem;
use plimsoll_types::ProblemKind;
use plimsoll_types::inventory::FileContent;

use super::elf::Header;
use crate::catalogers::{PE, Reader, Start, Unreadable, Want};

/// A reader that refuses a packed program.
pub(crate) fn sniff(start: &Start<'_>) -> Option<Box<dyn Reader>> {
    let has = |mark: &[u8]| memmem::find(start.bytes, mark).is_some();
    let is_packed = match Header::read(start.bytes) {
        // UPX itself and its documentation hold the mark as well, and are linked as usual.
        Some(header) => {
            !header.has_sections
                && memmem::find(&start.bytes[..start.bytes.len().min(1024)], b"UPX!").is_some()
        }
        None => start.bytes.starts_with(PE) && has(b"UPX0\0\0\0\0") && has(b"UPX1\0\0\0\0"),
    };
    is_packed.then(|| Box::new(Packed) as Box<dyn Reader>)
}

struct Packed;

impl Reader for Packed {
    fn read(&mut self, _: &[u8]) -> Want {
        Want::Nothing
    }

    fn held(&self) -> usize {
        0
    }

    fn finish(self: Box<Self>, _: bool) -> Result<Option<FileContent>, Unreadable> {
        let message = "a program that was packed with UPX, which hides what it was built of".to_owned();
        Unreadable::partly(None, vec![(ProblemKind::Unsupported, message)])
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::Archive;

    #[test]
    fn a_packed_program_is_refused_and_what_names_upx_is_not() {
        let mut program = b"\x7fELF\x02\x01\x01".to_vec();
        program.resize(64, 0);
        program[32..40].copy_from_slice(&64_u64.to_le_bytes());
        program[54..56].copy_from_slice(&56_u16.to_le_bytes());
        program.resize(236, 0);
        program.extend_from_slice(b"UPX!\x0e\x16");
        program.resize(8192, 7);
        let layer = Archive::default().file("usr/bin/tool", &program).read();
        assert_eq!(layer.problems.len(), 1);
        assert!(layer.problems[0].message.contains("UPX"));
        program[40] = 1;
        assert_eq!(Archive::default().file("usr/bin/upx", &program).read().problems, []);
    }
}

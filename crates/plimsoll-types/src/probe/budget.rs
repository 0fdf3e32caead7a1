//! How much memory a record may take when it is read.
//!
//! An empty package is 6 bytes of a record and 150 of memory, so that a limit on the record alone would let 64 MiB of it
//! take gigabytes of the parent. The lists of an inventory are read through [`list`], which counts what their elements
//! take against the budget of the reading thread. Outside of [`within`] there is no limit: what our own store gives back
//! was counted when it came.
//!
//! A deserializer cannot be handed a budget through the derived code, which is why it lives beside it, in the thread.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

thread_local! {
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Runs `read`, in which lists may take `bytes` of memory together.
pub(super) fn within<T>(bytes: usize, read: impl FnOnce() -> T) -> T {
    let before = LEFT.replace(bytes);
    let result = read();
    LEFT.set(before);
    result
}

/// Reads a list, for `#[serde(deserialize_with)]`.
pub(crate) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(List(PhantomData))
}

struct List<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list within the budget")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(element) = elements.next_element()? {
            let left = LEFT.get().checked_sub(size_of::<T>());
            LEFT.set(left.ok_or_else(|| A::Error::custom("more than the budget"))?);
            all.push(element);
        }
        Ok(all)
    }
}

/// A sorted list of numbers as the steps from one to the next, for `#[serde(with)]`: the more numbers of 64 bits there are,
/// the fewer bytes each takes. Any list comes back as it was, a sorted one is short.
pub(crate) mod steps {
    use serde::Serializer;

    use super::Deserializer;

    pub(crate) fn serialize<S: Serializer>(numbers: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
        let before = std::iter::once(&0).chain(numbers);
        serializer
            .collect_seq(numbers.iter().zip(before).map(|(number, before)| number.wrapping_sub(*before)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
        let mut numbers: Vec<u64> = super::list(deserializer)?;
        let mut last = 0_u64;
        for number in &mut numbers {
            last = last.wrapping_add(*number);
            *number = last;
        }
        numbers.shrink_to_fit();
        Ok(numbers)
    }
}

//! Databases that SQLite wrote are read by the tests of rpm; here is what no honest program writes.

use super::*;

/// A database of pages of 512 bytes whose table `t`, on page 2, is what is given.
fn database(pages: &[Vec<u8>]) -> Vec<u8> {
    let schema = [&[6, 0x17, 0x0f, 0x0f, 1, 0][..], b"tablett\x02"].concat();
    let mut first = vec![0; 512];
    first[..16].copy_from_slice(MAGIC);
    first[16] = 2;
    first[100] = 0x0d;
    first[104] = 1;
    let at = 512 - schema.len() - 2;
    first[108..110].copy_from_slice(&u16::try_from(at).unwrap().to_be_bytes());
    first[at] = u8::try_from(schema.len()).unwrap();
    first[at + 1] = 1;
    first[at + 2..].copy_from_slice(&schema);
    let padded = pages.iter().map(|page| {
        let mut page = page.clone();
        page.resize(512, 0);
        page
    });
    [first].into_iter().chain(padded).flatten().collect()
}

fn rows(bytes: &[u8]) -> Result<Option<Vec<i64>>, String> {
    let mut ids = Vec::new();
    let mut row = |id, _: &[Value]| {
        ids.push(id);
        Ok(())
    };
    let database = Database::open(bytes, &[]).map_err(|error| error.problems[0].1.clone())?;
    let found = database.rows("T", &mut row).map_err(|error| error.problems[0].1.clone())?;
    Ok(found.map(|()| ids))
}

/// A page that leads to others.
fn interior(children: &[u32]) -> Vec<u8> {
    let (last, others) = children.split_last().unwrap();
    let mut page = vec![5, 0, 0];
    page.extend(u16::try_from(others.len()).unwrap().to_be_bytes());
    page.extend([0; 3]);
    page.extend(last.to_be_bytes());
    let cells = 12 + 2 * others.len();
    (0..others.len()).for_each(|n| page.extend(u16::try_from(cells + 5 * n).unwrap().to_be_bytes()));
    others.iter().for_each(|child| page.extend([&child.to_be_bytes()[..], &[1]].concat()));
    page
}

/// A page with one row, without columns.
fn leaf(id: u8) -> Vec<u8> {
    vec![0x0d, 0, 0, 0, 1, 0, 0, 0, 0, 10, 1, id, 1]
}

#[test]
fn rows_come_in_the_order_of_their_ids() {
    assert_eq!(rows(&database(&[leaf(9)])), Ok(Some(vec![9])));
    assert_eq!(rows(&database(&[interior(&[3, 4]), leaf(1), leaf(2)])), Ok(Some(vec![1, 2])));
}

#[test]
fn pages_that_lead_back_or_nowhere_are_damage() {
    for pages in [
        vec![interior(&[2, 2])],
        vec![interior(&[3, 3]), leaf(1)],
        vec![interior(&[0, 3]), leaf(1)],
        vec![interior(&[u32::MAX, 3]), leaf(1)],
        (3..60).map(|n| interior(&[n])).collect(),
        vec![vec![0x0d, 0, 0, 0xff, 0xff]],
        vec![vec![9]],
        // A row longer than the file, and one that flows over to itself.
        vec![vec![0x0d, 0, 0, 0, 1, 0, 0, 0, 0, 10, 0xff, 0xff, 0xff, 0x7f, 1]],
        vec![vec![0x0d, 0, 0, 0, 1, 0, 0, 0, 0, 10, 0x87, 0x68, 1]],
    ] {
        let result = rows(&database(&pages));
        assert!(result.as_ref().is_err_and(|error| error.contains("damaged")), "{result:?}");
    }
    assert!(rows(&database(&[])).is_err());
    assert!(rows(b"SQLite format 3\0").is_err());
}

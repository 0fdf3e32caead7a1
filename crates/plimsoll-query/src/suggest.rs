//! "Did you mean": the nearest of the names there are.

/// `; did you mean 'x'?`, or nothing where no name is near.
pub(crate) fn like<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    // A name longer than any of ours is not looked at.
    let name: Vec<char> = name.chars().take(40).flat_map(char::to_lowercase).collect();
    let nearest = names
        .map(|other| (distance(&name, &other.to_lowercase().chars().collect::<Vec<_>>()), other))
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((distance, other)) if distance <= name.len() / 3 + usize::from(name.len() > 2) => {
            format!("; did you mean '{other}'?")
        }
        _ => String::new(),
    }
}

/// Letters to add, drop or change (Levenshtein).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

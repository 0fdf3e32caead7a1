//! Pairs of versions that are near each other, where comparisons go wrong: one version and a small change of it.

pub(crate) type Pair = (String, String);

pub(crate) struct Generator {
    seeds: Vec<String>,
    real: Vec<String>,
    pieces: Vec<String>,
    state: u64,
}

impl Generator {
    /// Begins with typical and with real versions, and changes them by the pieces that are the traps of a scheme.
    pub(crate) fn new(seeds: &[&str], real: &[String], pieces: &[&str]) -> Self {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self { seeds: own(seeds), real: real.to_vec(), pieces: own(pieces), state: 0x504c_494d_534f_4c4c }
    }

    /// Pairs of different texts that both satisfy `wanted`.
    pub(crate) fn pairs(&mut self, count: usize, wanted: impl Fn(&str) -> bool) -> Vec<Pair> {
        let mut pairs = Vec::with_capacity(count);
        while pairs.len() < count {
            let a = self.version();
            let b = if self.below(4) == 0 { self.version() } else { self.changed(&a) };
            if a != b
                && [&a, &b]
                    .iter()
                    .all(|text| wanted(text) && text.len() < 200 && !text.contains(['\t', '\n']))
            {
                pairs.push(if self.below(2) == 0 { (a, b) } else { (b, a) });
            }
        }
        pairs
    }

    fn version(&mut self) -> String {
        let is_real = !self.real.is_empty() && self.below(3) > 0;
        let choice = self.below(if is_real { self.real.len() } else { self.seeds.len() });
        let text = if is_real { self.real[choice].clone() } else { self.seeds[choice].clone() };
        if self.below(2) == 0 { text } else { self.changed(&text) }
    }

    /// One to three small changes.
    fn changed(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..=self.below(3) {
            let at = self.boundary(&text);
            match self.below(6) {
                0 | 1 => {
                    let piece = self.below(self.pieces.len());
                    text.insert_str(at, &self.pieces[piece]);
                }
                2 => {
                    let piece = self.below(self.pieces.len());
                    text.push_str(&self.pieces[piece]);
                }
                3 => {
                    let end = at + text[at..].chars().next().map_or(0, char::len_utf8);
                    text.replace_range(at..end, "");
                }
                4 => self.change_number(&mut text, at),
                _ => text.truncate(at),
            }
        }
        text
    }

    /// Another number in place of the next one, or zeros before it.
    fn change_number(&mut self, text: &mut String, at: usize) {
        let Some(start) = text[at..].find(|c: char| c.is_ascii_digit()).map(|offset| at + offset) else {
            return;
        };
        let end =
            text[start..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |offset| start + offset);
        let number = match self.below(4) {
            0 => format!("0{}", &text[start..end]),
            1 => self.below(3).to_string(),
            2 => self.below(1_000).to_string(),
            _ => format!("{}0", &text[start..end]),
        };
        text.replace_range(start..end, &number);
    }

    fn boundary(&mut self, text: &str) -> usize {
        let at = self.below(text.len() + 1);
        (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
    }

    /// A number below `bound`: SplitMix64, the same on every run.
    fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

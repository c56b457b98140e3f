//! "Did you mean …": the known name nearest to what was written.

/// The known name with the smallest edit distance, if it is near enough to be meant.
pub(super) fn nearest<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let (distance, name) =
        known.into_iter().map(|name| (edit_distance(written, name), name)).min_by_key(|(distance, _)| *distance)?;
    let acceptable = (written.chars().count().max(name.chars().count()) / 3).max(1);
    (distance <= acceptable).then_some(name)
}

/// A question to put behind a message about an unknown name: the nearest, or all there are.
pub(super) fn suggestion<'k>(written: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> String {
    match nearest(written, known.clone()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => {
            let all: Vec<String> = known.into_iter().map(|name| format!("`{name}`")).collect();
            if all.is_empty() { "there are none".to_owned() } else { format!("known: {}", all.join(", ")) }
        }
    }
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn one into the other, in
/// characters and regardless of case.
fn edit_distance(one: &str, other: &str) -> usize {
    let fold = |text: &str| -> Vec<char> { text.chars().map(|c| c.to_ascii_lowercase()).collect() };
    let (one, other) = (fold(one), fold(other));
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut best = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_edits() {
        let cases = [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("listen", "listne", 1),
            ("Listen", "listen", 0),
            ("kitten", "sitting", 3),
        ];
        for (one, other, expected) in cases {
            assert_eq!(edit_distance(one, other), expected, "{one} {other}");
            assert_eq!(edit_distance(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        let known = ["base_url", "api_key", "name"];
        assert_eq!(nearest("base_ulr", known), Some("base_url"));
        assert_eq!(nearest("apikey", known), Some("api_key"));
        assert_eq!(nearest("timeout", known), None);
        assert_eq!(suggestion("timeout", known), "known: `base_url`, `api_key`, `name`");
        assert_eq!(nearest("x", []), None);
    }
}

//! The chunked transfer coding, decoded step by step. Own code rather than the gateway's: a tool that
//! judges the gateway must not share its mistakes.

/// Longest size line with its extensions, or trailer section, in bytes.
const LINE_BYTES_MAX: usize = 4096;

/// The input is not chunked coding.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

#[derive(Debug, Default, PartialEq, Eq)]
enum Expect {
    #[default]
    Size,
    Data,
    DataEnd,
    Trailer,
    Nothing,
}

/// A body on its way in.
#[derive(Debug, Default)]
pub(crate) struct Chunked {
    expect: Expect,
    left: usize,
}

impl Chunked {
    /// Appends the payload found in `input` to `body`; gives the number of bytes used. What is not used
    /// must be offered again with more behind it, unless the body is complete.
    pub(crate) fn feed(&mut self, input: &[u8], body: &mut Vec<u8>) -> Result<usize, Malformed> {
        let mut used = 0;
        loop {
            let rest = &input[used..];
            match self.expect {
                Expect::Nothing => return Ok(used),
                Expect::Data => {
                    let take = self.left.min(rest.len());
                    body.extend_from_slice(&rest[..take]);
                    used += take;
                    self.left -= take;
                    if self.left > 0 {
                        return Ok(used);
                    }
                    self.expect = Expect::DataEnd;
                }
                Expect::DataEnd | Expect::Size | Expect::Trailer => {
                    let Some(line) = line(rest)? else { return Ok(used) };
                    used += line.len() + 2;
                    self.line(line)?;
                }
            }
        }
    }

    /// Has the last chunk and its trailer been seen?
    pub(crate) fn complete(&self) -> bool {
        self.expect == Expect::Nothing
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Malformed> {
        self.expect = match self.expect {
            Expect::DataEnd if line.is_empty() => Expect::Size,
            Expect::Size => {
                self.left = size(line)?;
                if self.left == 0 { Expect::Trailer } else { Expect::Data }
            }
            Expect::Trailer if line.is_empty() => Expect::Nothing,
            Expect::Trailer => Expect::Trailer,
            _ => return Err(Malformed),
        };
        Ok(())
    }
}

fn line(input: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    match memchr::memchr(b'\n', input) {
        Some(end) if end > 0 && input[end - 1] == b'\r' => Ok(Some(&input[..end - 1])),
        Some(_) => Err(Malformed),
        None if input.len() > LINE_BYTES_MAX => Err(Malformed),
        None => Ok(None),
    }
}

fn size(line: &[u8]) -> Result<usize, Malformed> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(Malformed);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| Malformed)?;
    usize::from_str_radix(digits, 16).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODED: &[u8] = b"4;x=1\r\nWiki\r\n6\r\npedia \r\nb\r\nin \r\nchunks\r\n0\r\nA: b\r\n\r\n";

    #[test]
    fn every_cut_gives_the_same_body() {
        for cut in 0..=CODED.len() {
            let mut chunked = Chunked::default();
            let mut body = Vec::new();
            let used = chunked.feed(&CODED[..cut], &mut body).expect("a valid prefix");
            assert!(used <= cut);
            let used = used + chunked.feed(&CODED[used..], &mut body).expect("a valid rest");
            assert_eq!((used, body.as_slice()), (CODED.len(), b"Wikipedia in \r\nchunks".as_slice()), "cut at {cut}");
            assert!(chunked.complete());
        }
    }

    #[test]
    fn what_follows_is_left_alone() {
        let mut chunked = Chunked::default();
        assert_eq!(chunked.feed(b"0\r\n\r\nGET /", &mut Vec::new()), Ok(5));
        assert!(chunked.complete());
    }

    #[test]
    fn nonsense_is_refused() {
        for coded in ["\r\n", "zz\r\n", "-1\r\n", "4\nWiki\r\n", "4\r\nWikiX\r\n", "fffffffff\r\n"] {
            assert_eq!(Chunked::default().feed(coded.as_bytes(), &mut Vec::new()), Err(Malformed), "{coded:?}");
        }
    }
}

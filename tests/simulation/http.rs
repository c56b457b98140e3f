//! A strict reader of answers: a client that believes nothing but the framing.

/// How a connection ended, as its client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Properly.
    Finished,
    /// With a reset.
    Reset,
    /// By the client itself.
    Left,
}

/// One answer, whole or not.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    /// The body without its framing, as far as it came.
    pub body: Vec<u8>,
    /// Did it end as its framing says?
    pub is_whole: bool,
    /// Where the next answer begins.
    pub end: usize,
}

impl Answer {
    /// The field called `name`; twice the same name is a mistake of the gateway.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let first = found.next();
        assert!(found.next().is_none(), "the field {name} stands twice");
        first
    }

    /// Does it say that nothing follows?
    pub fn closes(&self) -> bool {
        self.field("connection") == Some("close")
    }
}

/// What the bytes so far are.
#[derive(Debug)]
pub enum Reading {
    /// More may come; before there are this many bytes it is not worth looking again.
    NotYet(usize),
    /// No answer came, and none will: only so many bytes of interim ones.
    Nothing(usize),
    /// An answer: whole, or cut by the connection's end.
    Answer(Answer),
}

/// Reads the answer at the front of `bytes`. `ended` tells that no more will come.
pub fn read(bytes: &[u8], http10: bool, ended: Option<Ended>) -> Result<Reading, String> {
    let mut from = 0;
    loop {
        let rest = &bytes[from..];
        let Some(length) = memchr::memmem::find(rest, b"\r\n\r\n").map(|at| at + 4) else {
            return Ok(match ended {
                None => Reading::NotYet(bytes.len() + 1),
                Some(_) if rest.is_empty() => Reading::Nothing(from),
                Some(_) => Reading::Answer(Answer {
                    status: 0,
                    fields: Vec::new(),
                    body: Vec::new(),
                    is_whole: false,
                    end: bytes.len(),
                }),
            });
        };
        let head = std::str::from_utf8(&rest[..length - 4]).map_err(|_| "a head that is not text".to_owned())?;
        let (status, fields) = read_head(head)?;
        if status == 100 {
            from += length;
            continue;
        }
        let answer = Answer { status, fields, body: Vec::new(), is_whole: false, end: from + length };
        return read_body(bytes, answer, http10, ended);
    }
}

fn read_head(head: &str) -> Result<(u16, Vec<(String, String)>), String> {
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| format!("not a status line: {first:?}"))?;
    let mut fields = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(": ").ok_or_else(|| format!("not a field: {line:?}"))?;
        let is_clean = value.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if name.is_empty()
            || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            || !is_clean
        {
            return Err(format!("not a field: {line:?}"));
        }
        fields.push((name.to_owned(), value.to_owned()));
    }
    Ok((status, fields))
}

fn read_body(bytes: &[u8], mut answer: Answer, http10: bool, ended: Option<Ended>) -> Result<Reading, String> {
    let rest = &bytes[answer.end..];
    let chunked = answer.field("transfer-encoding").is_some();
    let mut enough = bytes.len() + 1;
    let done = match answer.field("content-length") {
        Some(_) if chunked => return Err("both framings at once".to_owned()),
        Some(length) => {
            let length: usize = length.parse().map_err(|_| format!("a length of {length}"))?;
            enough = answer.end + length;
            answer.body = rest[..length.min(rest.len())].to_vec();
            answer.end += answer.body.len();
            answer.body.len() == length
        }
        None if chunked && http10 => return Err("chunks for HTTP/1.0".to_owned()),
        None if chunked => read_chunks(rest, &mut answer, &mut enough)?,
        None if !http10 => return Err("no framing".to_owned()),
        None => {
            answer.body = rest.to_vec();
            answer.end = bytes.len();
            ended == Some(Ended::Finished)
        }
    };
    answer.is_whole = done;
    Ok(if done || ended.is_some() { Reading::Answer(answer) } else { Reading::NotYet(enough) })
}

fn read_chunks(mut rest: &[u8], answer: &mut Answer, enough: &mut usize) -> Result<bool, String> {
    const END_BYTES: usize = b"0\r\n\r\n".len();
    loop {
        let Some(line) = memchr::memmem::find(rest, b"\r\n") else {
            answer.end += rest.len();
            return Ok(false);
        };
        let size = std::str::from_utf8(&rest[..line]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let size = size.ok_or_else(|| format!("not a chunk size: {:?}", String::from_utf8_lossy(&rest[..line])))?;
        let (from, to) = (line + 2, line + 2 + size);
        answer.body.extend_from_slice(&rest[from..to.min(rest.len())]);
        if rest.len() < to + 2 {
            *enough = answer.end + to + 2 + if size == 0 { 0 } else { END_BYTES };
            answer.end += rest.len();
            return Ok(false);
        }
        if &rest[to..to + 2] != b"\r\n" {
            return Err("a chunk longer than its size".to_owned());
        }
        answer.end += to + 2;
        rest = &rest[to + 2..];
        if size == 0 {
            return Ok(true);
        }
    }
}

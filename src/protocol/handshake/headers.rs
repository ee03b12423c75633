//! Lines and header fields, as both sides of the handshake read them.

use std::borrow::Cow;

/// A line or the whole is longer than a handshake has any reason to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oversize(pub &'static str);

/// Cuts input into lines, whatever portions it comes in.
#[derive(Debug, Default)]
pub struct Lines {
    unfinished: Vec<u8>,
    total: usize,
    headers: usize,
}

/// With its line end.
const MAX_LINE: usize = 8 * 1024;
/// All lines together.
const MAX_TOTAL: usize = 64 * 1024;
const MAX_HEADERS: usize = 100;

impl Lines {
    /// Takes the next line, with its LF, from the front of `input`; None while it is unfinished.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Cow<'a, [u8]>>, Oversize> {
        let end = input
            .iter()
            .position(|&byte| byte == b'\n')
            .map(|at| at + 1);
        let (bytes, behind) = input.split_at(end.unwrap_or(input.len()));
        *input = behind;
        // An unfinished line needs at least one byte more.
        let len = self.unfinished.len() + bytes.len() + usize::from(end.is_none());
        if len > MAX_LINE {
            return Err(Oversize("line too long"));
        }
        self.total += bytes.len();
        if self.total + usize::from(end.is_none()) > MAX_TOTAL {
            return Err(Oversize("headers too long"));
        }
        if end.is_none() {
            self.unfinished.extend_from_slice(bytes);
            return Ok(None);
        }
        if self.unfinished.is_empty() {
            return Ok(Some(Cow::Borrowed(bytes)));
        }
        let mut line = std::mem::take(&mut self.unfinished);
        line.extend_from_slice(bytes);
        Ok(Some(Cow::Owned(line)))
    }

    /// Counts a header line.
    pub fn count_header(&mut self) -> Result<(), Oversize> {
        self.headers += 1;
        if self.headers > MAX_HEADERS {
            return Err(Oversize("too many headers"));
        }
        Ok(())
    }

    /// What is held of a line that isn't finished.
    pub fn unfinished(&self) -> &[u8] {
        &self.unfinished
    }
}

/// Whether a line, without its line end, holds nothing that another reader might take for a line
/// end or the end of the text. RFC 9110 §5.5: "Field values containing CR, LF, or NUL characters
/// are invalid and dangerous".
pub fn is_one_line(line: &[u8]) -> bool {
    !line.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
}

/// A header line without its line end, as name and value; None: it isn't one.
pub fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    is_one_line(line).then(|| (trim(&line[..colon]), trim(&line[colon + 1..])))
}

/// Whether a comma-separated list contains `token`, in any case (RFC 9110 §5.6.1).
pub fn has_token(list: &[u8], token: &str) -> bool {
    list.split(|&byte| byte == b',')
        .any(|entry| trim(entry).eq_ignore_ascii_case(token.as_bytes()))
}

/// RFC 9110 §5.6.2: what methods, names and values are made of.
pub fn is_token_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Without blanks around it.
pub fn trim(bytes: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = bytes
        .iter()
        .position(|byte| !is_blank(byte))
        .unwrap_or(bytes.len());
    let end = bytes
        .iter()
        .rposition(|byte| !is_blank(byte))
        .map_or(start, |last| last + 1);
    &bytes[start..end]
}

/// The header fields that matter, each of which may occur once.
#[derive(Debug)]
pub struct Fields<const N: usize> {
    names: &'static [&'static str; N],
    values: [Option<Vec<u8>>; N],
}

/// A field that may occur once occurred again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeated;

impl<const N: usize> Fields<N> {
    pub fn new(names: &'static [&'static str; N]) -> Self {
        Self {
            names,
            values: [const { None }; N],
        }
    }

    /// Keeps the field if it is one of ours.
    pub fn put(&mut self, name: &[u8], value: &[u8]) -> Result<(), Repeated> {
        let known = self
            .names
            .iter()
            .position(|known| name.eq_ignore_ascii_case(known.as_bytes()));
        let Some(slot) = known.map(|index| &mut self.values[index]) else {
            return Ok(());
        };
        if slot.is_some() {
            return Err(Repeated);
        }
        *slot = Some(value.to_vec());
        Ok(())
    }

    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.values[index].as_deref()
    }

    pub fn take(&mut self, index: usize) -> Option<Vec<u8>> {
        self.values[index].take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of `input`, which comes in two portions, and what ended them early.
    fn lines(input: &[u8], cut: usize) -> (Vec<Vec<u8>>, Option<Oversize>) {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for mut portion in [&input[..cut], &input[cut..]] {
            while !portion.is_empty() {
                match lines.next(&mut portion) {
                    Ok(Some(line)) => found.push(line.into_owned()),
                    Ok(None) => assert!(portion.is_empty()),
                    Err(oversize) => return (found, Some(oversize)),
                }
            }
        }
        (found, None)
    }

    #[test]
    fn lines_in_any_portions() {
        let input = b"one\r\ntwo\n\r\n\nunfinished";
        for cut in 0..=input.len() {
            let expected = [&b"one\r\n"[..], b"two\n", b"\r\n", b"\n"];
            let (found, oversize) = lines(input, cut);
            assert_eq!(
                (found, oversize),
                (expected.map(<[u8]>::to_vec).to_vec(), None)
            );
        }
    }

    #[test]
    fn line_limit() {
        let line = |len| [&vec![b'x'; len - 2][..], b"\r\n"].concat();
        for cut in [0, 1, 100, MAX_LINE - 1] {
            assert_eq!(lines(&line(MAX_LINE), cut).1, None);
            assert!(lines(&line(MAX_LINE + 1), cut).1.is_some());
            // It shows without the end of the line.
            assert!(lines(&[b'x'; MAX_LINE], cut).1.is_some());
            assert!(lines(&[b'x'; MAX_LINE - 1], cut).1.is_none());
        }
    }

    #[test]
    fn total_limit() {
        let line = [&[b'x'; 1022][..], b"\r\n"].concat();
        let exact = line.repeat(MAX_TOTAL / line.len());
        let more = [&exact[..], b"\n"].concat();
        for cut in [0, 1, 1024, MAX_TOTAL - 1, MAX_TOTAL] {
            assert_eq!(lines(&exact, cut).1, None);
            assert!(lines(&more, cut).1.is_some());
            // It shows without the end of the line.
            let unfinished = &exact[..MAX_TOTAL - 2];
            assert_eq!(lines(unfinished, cut.min(100)).1, None);
            assert!(lines(&[unfinished, b"xx"].concat(), cut).1.is_some());
        }
    }

    #[test]
    fn header_limit() {
        let mut lines = Lines::default();
        assert!((0..MAX_HEADERS).all(|_| lines.count_header().is_ok()));
        assert!(lines.count_header().is_err());
    }

    #[test]
    fn fields_are_trimmed_and_raw() {
        for (line, expected) in [
            (&b"a:b"[..], Some((&b"a"[..], &b"b"[..]))),
            (b" \ta \t:\t b c \t", Some((b"a", b"b c"))),
            (b"a:\xff:\x01", Some((b"a", b"\xff:\x01"))),
            (b"a:", Some((b"a", b""))),
            (b":b", Some((b"", b"b"))),
            (b"a", None),
            (b"a: b\rc", None),
            (b"a: b\r", None),
            (b"a\r: b", None),
            (b"a: b\0c", None),
            (b"a\0: b", None),
        ] {
            assert_eq!(field(line), expected, "{line:x?}");
        }
    }

    #[test]
    fn tokens() {
        for list in [
            "upgrade",
            "Upgrade",
            "keep-alive, Upgrade",
            "a,UPGRADE\t,b",
            ", upgrade",
        ] {
            assert!(has_token(list.as_bytes(), "upgrade"), "{list}");
        }
        for list in [
            "",
            "upgraded",
            "up grade",
            "keep-alive",
            "x upgrade",
            "upgrade/1",
        ] {
            assert!(!has_token(list.as_bytes(), "upgrade"), "{list}");
        }
    }

    #[test]
    fn fields_occur_once_if_they_are_ours() {
        let mut fields = Fields::new(&["Host", "Key"]);
        assert_eq!(fields.put(b"hOST", b""), Ok(()));
        assert_eq!(fields.put(b"other", b"1"), Ok(()));
        assert_eq!(fields.put(b"other", b"2"), Ok(()));
        assert_eq!(fields.put(b"Host", b"x"), Err(Repeated));
        assert_eq!((fields.get(0), fields.get(1)), (Some(&b""[..]), None));
        assert_eq!((fields.take(0), fields.get(0)), (Some(vec![]), None));
    }
}

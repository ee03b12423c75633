//! The grammar of `Sec-WebSocket-Extensions` (RFC 6455 §9.1), the same on both sides.

use super::headers::{is_token_character, trim};

/// One extension, as offered or accepted.
#[derive(Debug, PartialEq, Eq)]
pub struct Extension {
    pub name: String,
    pub params: Vec<Param>,
}

/// A parameter; values that come as quoted strings are the same without quotes.
#[derive(Debug, PartialEq, Eq)]
pub struct Param {
    pub name: String,
    pub value: Option<String>,
}

/// "If a value is received by either the client or the server during negotiation that does not
/// conform to the ABNF below, the recipient of such malformed data MUST immediately _Fail the
/// WebSocket Connection_."
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// The extensions of a header's value, in order. Empty elements of the list are passed over, as
/// RFC 9110 §5.6.1.2 asks of recipients.
pub fn parse(value: &[u8]) -> Result<Vec<Extension>, Malformed> {
    let mut extensions = Vec::new();
    for element in split(value, b',')? {
        let element = trim(element);
        if element.is_empty() {
            continue;
        }
        let mut parts = split(element, b';')?.into_iter();
        let name = token(parts.next().unwrap_or_default())?;
        let params = parts.map(param).collect::<Result<_, _>>()?;
        extensions.push(Extension { name, params });
    }
    Ok(extensions)
}

/// Cuts at each separator that isn't within quotes.
fn split(bytes: &[u8], separator: u8) -> Result<Vec<&[u8]>, Malformed> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut is_quoted = false;
    let mut is_escaped = false;
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ if byte == separator && !is_quoted => {
                parts.push(&bytes[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&bytes[start..]);
    if is_quoted { Err(Malformed) } else { Ok(parts) }
}

fn param(bytes: &[u8]) -> Result<Param, Malformed> {
    let Some(equals) = bytes.iter().position(|&byte| byte == b'=') else {
        return Ok(Param {
            name: token(bytes)?,
            value: None,
        });
    };
    let value = trim(&bytes[equals + 1..]);
    // "When using the quoted-string syntax variant, the value after quoted-string unescaping MUST
    // conform to the 'token' ABNF."
    let value = match value {
        [b'"', quoted @ .., b'"'] => token(&unescaped(quoted))?,
        _ => token(value)?,
    };
    Ok(Param {
        name: token(&bytes[..equals])?,
        value: Some(value),
    })
}

fn unescaped(quoted: &[u8]) -> Vec<u8> {
    let mut bytes = quoted.iter();
    let mut plain = Vec::with_capacity(quoted.len());
    while let Some(&byte) = bytes.next() {
        let literal = if byte == b'\\' { bytes.next() } else { None };
        plain.push(*literal.unwrap_or(&byte));
    }
    plain
}

fn token(bytes: &[u8]) -> Result<String, Malformed> {
    let bytes = trim(bytes);
    if bytes.is_empty() || !bytes.iter().all(|&byte| is_token_character(byte)) {
        return Err(Malformed);
    }
    Ok(bytes.iter().map(|&byte| char::from(byte)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(value: &str) -> Result<Vec<(String, Vec<String>)>, Malformed> {
        let show = |param: Param| match param.value {
            Some(value) => format!("{}={value}", param.name),
            None => param.name,
        };
        let extensions = parse(value.as_bytes())?;
        let pairs = extensions.into_iter().map(|extension| {
            (
                extension.name,
                extension.params.into_iter().map(show).collect(),
            )
        });
        Ok(pairs.collect())
    }

    fn shown(value: &str) -> String {
        let extensions = list(value).expect("well-formed");
        let elements = extensions.iter().map(|(name, params)| {
            let parts = std::iter::once(name).chain(params).map(String::as_str);
            parts.collect::<Vec<_>>().join(";")
        });
        elements.collect::<Vec<_>>().join(",")
    }

    #[test]
    fn lists_params_and_quotes() {
        for (value, expected) in [
            ("", ""),
            (" , ,", ""),
            ("foo", "foo"),
            (" foo ;bar; baz = 2 , foo", "foo;bar;baz=2,foo"),
            ("foo; bar=\"2\"", "foo;bar=2"),
            ("foo; bar=\"\\2\\0\"", "foo;bar=20"),
            ("a;b\t=\tc,,d", "a;b=c,d"),
        ] {
            assert_eq!(shown(value), expected, "{value}");
        }
    }

    #[test]
    fn what_is_no_list_of_extensions() {
        for value in [
            ";",
            "foo;",
            "foo;;bar",
            "foo; =1",
            "foo; bar=",
            "foo bar",
            "foo; bar baz",
            "=",
            "\"foo\"",
            "foo; bar=\"",
            "foo; bar=\"a b\"",
            "foo; bar=\"a,b\"",
            "foo; bar=\"a;b\"",
            "foo; bar=\"\"",
            "foo; bar=\"a\\\"",
            "foo; bar=a\"b\"",
            "foo; bar=1=2",
            "f\u{e9}",
            "foo/bar",
            "foo; bar=(1)",
        ] {
            assert_eq!(list(value), Err(Malformed), "{value}");
        }
    }
}

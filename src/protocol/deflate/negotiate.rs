//! What is said about compression in the opening handshake (RFC 7692 §5 and §7.1).

use super::{Agreement, Config, Direction, MAX_WINDOW_BITS, MIN_WINDOW_BITS};
use crate::protocol::handshake::extensions::{self, Extension, Malformed, Param};

const NAME: &str = "permessage-deflate";
const SERVER_NO_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_BITS: &str = "server_max_window_bits";
const CLIENT_BITS: &str = "client_max_window_bits";

/// The parameters of one offer, or of one answer.
#[derive(Clone, Copy, Debug, Default)]
struct Params {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_bits: Option<u8>,
    client_bits: Option<ClientBits>,
}

/// In an offer the value may be left out: the client can use less if told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientBits {
    Any,
    AtMost(u8),
}

/// The parameters that neither offer nor answer may hold make the whole of it void: one "not
/// defined", one "with an invalid value", "multiple extension parameters with the same name"
/// (RFC 7692 §7).
struct Void;

impl Params {
    fn read(params: &[Param]) -> Result<Self, Void> {
        let mut read = Self::default();
        for Param { name, value } in params {
            let value = value.as_deref();
            let is_new = match name.as_str() {
                SERVER_NO_TAKEOVER => flag(&mut read.server_no_takeover, value)?,
                CLIENT_NO_TAKEOVER => flag(&mut read.client_no_takeover, value)?,
                SERVER_BITS => read.server_bits.replace(bits(value)?).is_none(),
                CLIENT_BITS => {
                    let bits = match value {
                        None => ClientBits::Any,
                        some => ClientBits::AtMost(bits(some)?),
                    };
                    read.client_bits.replace(bits).is_none()
                }
                _ => return Err(Void),
            };
            if !is_new {
                return Err(Void);
            }
        }
        Ok(read)
    }

    /// The element for the header.
    fn write(self) -> String {
        let mut element = NAME.to_owned();
        let mut put = |name: &str, value: Option<u8>| {
            element.push_str("; ");
            element.push_str(name);
            if let Some(value) = value {
                element.push('=');
                element.push_str(&value.to_string());
            }
        };
        if self.server_no_takeover {
            put(SERVER_NO_TAKEOVER, None);
        }
        if self.client_no_takeover {
            put(CLIENT_NO_TAKEOVER, None);
        }
        if let Some(bits) = self.server_bits {
            put(SERVER_BITS, Some(bits));
        }
        match self.client_bits {
            Some(ClientBits::Any) => put(CLIENT_BITS, None),
            Some(ClientBits::AtMost(bits)) => put(CLIENT_BITS, Some(bits)),
            None => {}
        }
        element
    }
}

/// Notes a parameter without a value; false if it had been noted.
fn flag(noted: &mut bool, value: Option<&str>) -> Result<bool, Void> {
    match value {
        None => Ok(!std::mem::replace(noted, true)),
        Some(_) => Err(Void),
    }
}

/// "A decimal integer value without leading zeroes between 8 to 15, inclusive."
fn bits(value: Option<&str>) -> Result<u8, Void> {
    match value {
        Some("8") => Ok(8),
        Some("9") => Ok(9),
        Some(two @ ("10" | "11" | "12" | "13" | "14" | "15")) => two.parse().map_err(|_| Void),
        _ => Err(Void),
    }
}

fn smaller(bits: u8) -> Option<u8> {
    (bits < MAX_WINDOW_BITS).then_some(bits)
}

/// Client: the value of `Sec-WebSocket-Extensions` to send.
pub fn offer(config: &Config) -> String {
    let Config { send, receive, .. } = config;
    let client_bits = smaller(send.window_bits).map_or(ClientBits::Any, ClientBits::AtMost);
    Params {
        server_no_takeover: !receive.takeover,
        client_no_takeover: !send.takeover,
        server_bits: smaller(receive.window_bits),
        client_bits: Some(client_bits),
    }
    .write()
}

/// Server: what to make of a client's header, and the header to answer with. `None`: it offered
/// nothing that we can do. The first acceptable offer is taken, as clients list them "in order of
/// preference".
pub fn answer(header: &[u8], config: &Config) -> Result<Option<(Agreement, String)>, Malformed> {
    let offers = extensions::parse(header)?;
    let mut offers = offers.iter().filter(|offer| offer.name == NAME);
    Ok(offers.find_map(|offer| accept(offer, config)))
}

fn accept(offer: &Extension, config: &Config) -> Option<(Agreement, String)> {
    let offer = Params::read(&offer.params).ok()?;
    let server_bits = config
        .send
        .window_bits
        .min(offer.server_bits.unwrap_or(MAX_WINDOW_BITS));
    if server_bits < MIN_WINDOW_BITS {
        return None;
    }
    // §7.1.2.2: a client that doesn't say that it can use less mustn't be told to.
    let client_bits = match offer.client_bits {
        None => MAX_WINDOW_BITS,
        Some(ClientBits::Any) => config.receive.window_bits,
        Some(ClientBits::AtMost(bits)) => bits.min(config.receive.window_bits),
    };
    let params = Params {
        server_no_takeover: offer.server_no_takeover || !config.send.takeover,
        // The same in an offer is "a hint", not a wish.
        client_no_takeover: !config.receive.takeover,
        server_bits: offer
            .server_bits
            .map(|_| server_bits)
            .or(smaller(server_bits)),
        client_bits: smaller(client_bits).map(ClientBits::AtMost),
    };
    let agreement = Agreement {
        level: config.level,
        threshold: config.threshold,
        send: Some(Direction {
            takeover: !params.server_no_takeover,
            window_bits: server_bits,
        }),
        receive: Direction {
            takeover: !params.client_no_takeover,
            window_bits: client_bits,
        },
    };
    Some((agreement, params.write()))
}

/// Client: what to make of the server's header, the answer to [`offer`]. `None`: it declined.
pub fn confirm(header: &[u8], config: &Config) -> Result<Option<Agreement>, &'static str> {
    let accepted = extensions::parse(header).map_err(|Malformed| "malformed extensions")?;
    let answer = match accepted.as_slice() {
        [] => return Ok(None),
        [one] if one.name == NAME => one,
        [_] => return Err("extension that was not offered"),
        _ => return Err("more extensions than were offered"),
    };
    let answer = Params::read(&answer.params).map_err(|Void| "invalid answer to an extension")?;
    // What we asked of the server, it accepts "by including" the parameter (§7.1.1.1, §7.1.2.1).
    if !config.receive.takeover && !answer.server_no_takeover {
        return Err("server_no_context_takeover was not accepted");
    }
    let server_bits = match (answer.server_bits, smaller(config.receive.window_bits)) {
        (None, Some(_)) => return Err("server_max_window_bits was not accepted"),
        (Some(bits), Some(most)) if bits > most => {
            return Err("server_max_window_bits larger than offered");
        }
        (bits, _) => bits.unwrap_or(MAX_WINDOW_BITS),
    };
    let client_bits = match answer.client_bits {
        Some(ClientBits::Any) => return Err("client_max_window_bits without a value"),
        Some(ClientBits::AtMost(bits)) => bits,
        None => MAX_WINDOW_BITS,
    };
    let send = Direction {
        takeover: config.send.takeover && !answer.client_no_takeover,
        window_bits: client_bits.min(config.send.window_bits),
    };
    Ok(Some(Agreement {
        level: config.level,
        threshold: config.threshold,
        send: (send.window_bits >= MIN_WINDOW_BITS).then_some(send),
        receive: Direction {
            takeover: !answer.server_no_takeover,
            window_bits: server_bits,
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direction(takeover: bool, window_bits: u8) -> Direction {
        Direction {
            takeover,
            window_bits,
        }
    }

    fn config(send: (bool, u8), receive: (bool, u8)) -> Config {
        Config {
            send: direction(send.0, send.1),
            receive: direction(receive.0, receive.1),
            ..Config::default()
        }
    }

    const PLAIN: ((bool, u8), (bool, u8)) = ((true, 15), (true, 15));

    #[test]
    fn offers() {
        for ((send, receive), expected) in [
            (PLAIN, "permessage-deflate; client_max_window_bits"),
            (
                ((false, 15), (false, 15)),
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                 client_max_window_bits",
            ),
            (
                ((true, 10), (true, 9)),
                "permessage-deflate; server_max_window_bits=9; client_max_window_bits=10",
            ),
        ] {
            assert_eq!(offer(&config(send, receive)), expected);
        }
    }

    /// The agreement a server comes to as `takeover/bits` sent and received, and its answer's
    /// parameters.
    fn answered(header: &str, (send, receive): ((bool, u8), (bool, u8))) -> Option<String> {
        let outcome = answer(header.as_bytes(), &config(send, receive)).expect("well-formed");
        let (Agreement { send, receive, .. }, text) = outcome?;
        let send = send.expect("a server declines instead");
        let params = text
            .strip_prefix("permessage-deflate")
            .expect("the extension");
        Some(format!(
            "{}/{} {}/{}{params}",
            send.takeover, send.window_bits, receive.takeover, receive.window_bits
        ))
    }

    #[test]
    fn a_server_answers_each_parameter() {
        for (header, config, expected) in [
            ("permessage-deflate", PLAIN, "true/15 true/15"),
            (
                "permessage-deflate; client_max_window_bits",
                PLAIN,
                "true/15 true/15",
            ),
            (
                "permessage-deflate; client_max_window_bits=10; client_no_context_takeover",
                PLAIN,
                "true/15 true/10; client_max_window_bits=10",
            ),
            (
                "permessage-deflate; server_no_context_takeover",
                PLAIN,
                "false/15 true/15; server_no_context_takeover",
            ),
            (
                "permessage-deflate; server_max_window_bits=9",
                PLAIN,
                "true/9 true/15; server_max_window_bits=9",
            ),
            (
                "permessage-deflate; server_max_window_bits=15; client_max_window_bits=15",
                PLAIN,
                "true/15 true/15; server_max_window_bits=15",
            ),
            (
                "permessage-deflate; client_max_window_bits=8",
                PLAIN,
                "true/15 true/8; client_max_window_bits=8",
            ),
            (
                "permessage-deflate; server_max_window_bits=\"12\"; client_max_window_bits",
                ((false, 14), (false, 11)),
                "false/12 false/11; server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=12; client_max_window_bits=11",
            ),
            // What is not asked for may be said all the same, what the client can't do not.
            (
                "permessage-deflate",
                ((true, 10), (true, 10)),
                "true/10 true/15; server_max_window_bits=10",
            ),
        ] {
            assert_eq!(
                answered(header, config).as_deref(),
                Some(expected),
                "{header}"
            );
        }
    }

    #[test]
    fn a_server_takes_the_first_offer_it_can() {
        for header in [
            "foo, permessage-deflate; server_max_window_bits=8, permessage-deflate; bar, \
             permessage-deflate; server_max_window_bits=10, permessage-deflate",
            "permessage-deflate; server_max_window_bits=10, permessage-deflate",
        ] {
            let expected = "true/10 true/15; server_max_window_bits=10";
            assert_eq!(answered(header, PLAIN).as_deref(), Some(expected));
        }
    }

    const VOID: [&str; 18] = [
        "foo",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover",
        "server_max_window_bits",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=09",
        "server_max_window_bits=x",
        "server_max_window_bits=10; server_max_window_bits=10",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=010",
        "client_max_window_bits=+9",
        "client_max_window_bits; client_max_window_bits",
        "Server_No_Context_Takeover",
        "client_max_window_bits=1000000000000000000000",
    ];

    #[test]
    fn a_server_declines_void_offers_and_fails_at_what_is_no_list() {
        for params in VOID {
            let header = format!("permessage-deflate; {params}");
            assert_eq!(answered(&header, PLAIN), None, "{header}");
        }
        for header in [
            "",
            "foo",
            "x-webkit-deflate-frame",
            "permessage-deflate; server_max_window_bits=8",
        ] {
            assert_eq!(answered(header, PLAIN), None, "{header}");
        }
        let header = b"permessage-deflate; ";
        assert_eq!(answer(header, &Config::default()), Err(Malformed));
    }

    #[test]
    fn a_client_confirms_each_parameter() {
        let agreed = |send: Option<(bool, u8)>, receive: (bool, u8)| {
            let send = send.map(|(takeover, bits)| direction(takeover, bits));
            let Config {
                level, threshold, ..
            } = Config::default();
            Ok(Some(Agreement {
                level,
                threshold,
                send,
                receive: direction(receive.0, receive.1),
            }))
        };
        let small = ((true, 12), (true, 15));
        let receives_small = ((true, 15), (true, 12));
        for (header, (send, receive), expected) in [
            ("", PLAIN, Ok(None)),
            (
                "permessage-deflate",
                PLAIN,
                agreed(Some((true, 15)), (true, 15)),
            ),
            (
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
                PLAIN,
                agreed(Some((false, 15)), (false, 15)),
            ),
            (
                "permessage-deflate; server_max_window_bits=8; client_max_window_bits=9",
                PLAIN,
                agreed(Some((true, 9)), (true, 8)),
            ),
            // We can't stay within 256 bytes, so we don't compress.
            (
                "permessage-deflate; client_max_window_bits=8",
                PLAIN,
                agreed(None, (true, 15)),
            ),
            (
                "permessage-deflate; client_max_window_bits=15",
                small,
                agreed(Some((true, 12)), (true, 15)),
            ),
            (
                "permessage-deflate",
                small,
                agreed(Some((true, 12)), (true, 15)),
            ),
            // What we said we wouldn't do, we don't, if the server repeats it or not.
            (
                "permessage-deflate",
                ((false, 15), (true, 15)),
                agreed(Some((false, 15)), (true, 15)),
            ),
            (
                "permessage-deflate; server_max_window_bits=10",
                receives_small,
                agreed(Some((true, 15)), (true, 10)),
            ),
        ] {
            assert_eq!(
                confirm(header.as_bytes(), &config(send, receive)),
                expected,
                "{header}"
            );
        }
    }

    #[test]
    fn a_client_refuses_what_it_did_not_offer() {
        let no_takeover = ((true, 15), (false, 15));
        let receives_small = ((true, 15), (true, 12));
        for (header, (send, receive)) in [
            ("foo", PLAIN),
            ("permessage-deflate, foo", PLAIN),
            ("permessage-deflate, permessage-deflate", PLAIN),
            ("permessage-deflate;", PLAIN),
            ("permessage-deflate; client_max_window_bits", PLAIN),
            ("permessage-deflate", no_takeover),
            ("permessage-deflate", receives_small),
            (
                "permessage-deflate; server_max_window_bits=13",
                receives_small,
            ),
        ] {
            assert!(
                confirm(header.as_bytes(), &config(send, receive)).is_err(),
                "{header}"
            );
        }
        for params in VOID {
            let header = format!("permessage-deflate; {params}");
            assert!(
                confirm(header.as_bytes(), &Config::default()).is_err(),
                "{header}"
            );
        }
    }
}

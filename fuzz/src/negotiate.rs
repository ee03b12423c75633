//! Negotiating compression: any header is answered or refused; our offer and our answer agree.

use nopoll::fuzzing::deflate::negotiate::{answer, confirm, offer};
use nopoll::fuzzing::deflate::{Agreement, Config, Direction};

use crate::input::Input;

pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let (client, server) = (config(&mut input), config(&mut input));
    let header = input.rest();
    if let Ok(Some((agreement, text))) = answer(header, &server) {
        judge(&agreement, &server);
        assert!(text.starts_with("permessage-deflate"));
        // Whatever a server may answer to somebody, a client without wishes can live with.
        assert!(matches!(
            confirm(text.as_bytes(), &Config::default()),
            Ok(Some(_))
        ));
    }
    if let Ok(Some(agreement)) = confirm(header, &client) {
        judge(&agreement, &client);
    }
    between_ourselves(&client, &server);
}

fn config(input: &mut Input<'_>) -> Config {
    let mut direction = || {
        let byte = input.byte();
        Direction {
            takeover: byte & 1 == 0,
            window_bits: 15 - (byte >> 1) % 7,
        }
    };
    let (send, receive) = (direction(), direction());
    Config {
        send,
        receive,
        ..Config::default()
    }
}

/// Nobody agreed to more than was wanted.
fn judge(agreement: &Agreement, config: &Config) {
    if let Some(send) = agreement.send {
        assert!(send.window_bits <= config.send.window_bits && send.window_bits >= 9);
        assert!(config.send.takeover || !send.takeover);
    }
    assert!((8..=15).contains(&agreement.receive.window_bits));
}

fn between_ourselves(client: &Config, server: &Config) {
    let offered = offer(client);
    let answered = answer(offered.as_bytes(), server).expect("a list of extensions");
    let Some((servers, text)) = answered else {
        panic!("an offer of ours is declined: {offered}");
    };
    let confirmed = confirm(text.as_bytes(), client).expect("a sound answer");
    let clients = confirmed.expect("the server accepted");
    judge(&servers, server);
    judge(&clients, client);
    assert!(!clients.receive.takeover || client.receive.takeover);
    assert!(clients.receive.window_bits <= client.receive.window_bits);
    for (sent, received) in [
        (clients.send, servers.receive),
        (servers.send, clients.receive),
    ] {
        let sent = sent.expect("nobody demands less than an engine can do");
        assert!(sent.window_bits <= received.window_bits);
        assert!(received.takeover || !sent.takeover);
    }
}

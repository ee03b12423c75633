//! The same server on fastwebsockets, tokio's single-threaded runtime below it:
//! `[--sink | --push N SIZE] [PORT]`. Prints "port N".

use std::convert::Infallible;

use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, WebSocketError, upgrade};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// What a message is answered with.
enum Answer {
    Itself,
    Nothing,
    /// The same messages for each, as `burst.h` describes them.
    Burst(Vec<Vec<u8>>),
}

fn burst(count: usize, size: usize) -> Answer {
    let byte = |i, j| (j * 31 + j / 251 + i * 7) as u8;
    Answer::Burst(
        (0..count)
            .map(|i| (0..size).map(|j| byte(i, j)).collect())
            .collect(),
    )
}

async fn serve_messages(
    client: upgrade::UpgradeFut,
    answer: &Answer,
) -> Result<(), WebSocketError> {
    let mut websocket = client.await?;
    websocket.set_max_message_size(16 * 1024 * 1024);
    let mut websocket = FragmentCollector::new(websocket);
    loop {
        let frame = websocket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => match answer {
                Answer::Itself => websocket.write_frame(frame).await?,
                Answer::Nothing => {}
                Answer::Burst(messages) => {
                    for message in messages {
                        let frame = Frame::binary(Payload::Borrowed(message));
                        websocket.write_frame(frame).await?;
                    }
                }
            },
            _ => {}
        }
    }
}

async fn serve(
    mut request: Request<Incoming>,
    answer: &'static Answer,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let Ok((response, client)) = upgrade::upgrade(&mut request) else {
        return Ok(Response::new(Empty::new()));
    };
    // The peer's end of a connection is no failure of ours.
    tokio::spawn(async move { drop(serve_messages(client, answer).await) });
    Ok(response)
}

fn main() -> std::io::Result<()> {
    let (mut port, mut answer) = ("0".to_owned(), Answer::Itself);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            arguments
                .next()
                .and_then(|text| text.parse().ok())
                .unwrap_or(1)
        };
        match argument.as_str() {
            "--sink" => answer = Answer::Nothing,
            "--push" => answer = burst(number(), number()),
            _ => port = argument,
        }
    }
    let answer: &'static Answer = Box::leak(Box::new(answer));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
        println!("port {}", listener.local_addr()?.port());
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(async move {
                let connection = http1::Builder::new()
                    .serve_connection(
                        TokioIo::new(stream),
                        service_fn(move |request| serve(request, answer)),
                    )
                    .with_upgrades();
                drop(connection.await);
            });
        }
    })
}

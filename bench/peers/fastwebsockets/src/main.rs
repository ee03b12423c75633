//! The same echo server on fastwebsockets, tokio's single-threaded runtime below it. Prints
//! "port N".

use std::convert::Infallible;

use fastwebsockets::{FragmentCollector, OpCode, WebSocketError, upgrade};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

async fn echo(client: upgrade::UpgradeFut) -> Result<(), WebSocketError> {
    let mut websocket = client.await?;
    websocket.set_max_message_size(16 * 1024 * 1024);
    let mut websocket = FragmentCollector::new(websocket);
    loop {
        let frame = websocket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => websocket.write_frame(frame).await?,
            _ => {}
        }
    }
}

async fn serve(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let Ok((response, client)) = upgrade::upgrade(&mut request) else {
        return Ok(Response::new(Empty::new()));
    };
    // The peer's end of a connection is no failure of ours.
    tokio::spawn(async move { drop(echo(client).await) });
    Ok(response)
}

fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "0".into());
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
                    .serve_connection(TokioIo::new(stream), service_fn(serve))
                    .with_upgrades();
                drop(connection.await);
            });
        }
    })
}

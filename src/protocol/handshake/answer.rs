//! HTTP answers other than the 101.

/// Builds the answer that refuses a request; `version` is the WebSocket version spoken.
pub fn build_refusal(status: u16, version: i32) -> Vec<u8> {
    let extra = match status {
        // RFC 9110 §15.5.6: "The origin server MUST generate an Allow header field in a 405
        // response".
        405 => "Allow: GET\r\n".to_owned(),
        // RFC 9110 §15.5.22: "The server MUST send an Upgrade header field in a 426 response".
        // RFC 6455 §4.2.2: "an appropriate HTTP error code (such as 426 Upgrade Required) and a
        // |Sec-WebSocket-Version| header field indicating the version(s) the server is capable of
        // understanding".
        426 => format!("Upgrade: websocket\r\nSec-WebSocket-Version: {version}\r\n"),
        _ => String::new(),
    };
    let body = format!("{}\n", reason(status));
    let mut answer = head(status, b"text/plain", body.len(), &extra);
    answer.extend_from_slice(body.as_bytes());
    answer
}

/// Builds the answer to a request for a page; to HEAD it goes without the body (RFC 9110 §9.3.2).
pub fn build_page(status: u16, content_type: &[u8], body: &[u8], is_head: bool) -> Vec<u8> {
    let mut answer = head(status, content_type, body.len(), "");
    if !is_head {
        answer.extend_from_slice(body);
    }
    answer
}

fn head(status: u16, content_type: &[u8], length: usize, extra: &str) -> Vec<u8> {
    let line = format!("HTTP/1.1 {status} {}\r\nContent-Type: ", reason(status));
    let rest = format!("\r\nContent-Length: {length}\r\nConnection: close\r\n{extra}\r\n");
    [line.as_bytes(), content_type, rest.as_bytes()].concat()
}

/// The phrase of RFC 9110 §15 for the statuses in use here; a client ignores it.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page() {
        let page = build_page(200, b"text/html", b"<p>", false);
        assert_eq!(
            page,
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\
              Connection: close\r\n\r\n<p>"
        );
        let head = build_page(200, b"text/html", b"<p>", true);
        assert_eq!(head, page[..page.len() - 3]);
    }

    #[test]
    fn refusals_in_full() {
        let refusal = |status| String::from_utf8(build_refusal(status, 13)).expect("text");
        assert_eq!(
            refusal(400),
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\
             Connection: close\r\n\r\nBad Request\n"
        );
        assert!(refusal(405).contains("\r\nAllow: GET\r\n"));
        assert!(refusal(426).contains("\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"));
        for status in [400, 403, 405, 426, 431] {
            let text = refusal(status);
            let (head, body) = text.split_once("\r\n\r\n").expect("a blank line");
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")));
            assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())));
            assert!(head.contains("\r\nConnection: close"));
        }
    }
}

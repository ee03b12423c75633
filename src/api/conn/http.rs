//! Plain HTTP on a listener's port: pages that the program hands out itself.

use std::ffi::{CString, c_int};
use std::sync::Arc;

use super::Conn;
use super::close::Ending;
use super::link::Phase;
use super::texts::Asking;
use crate::api::error::{Failure, Kind};
use crate::log::{Level, log};
use crate::protocol::{Method, Page, Refusal, build_page};

const NO_UPGRADE: Refusal = Refusal {
    status: 426,
    why: "not a WebSocket upgrade",
};
const NO_REPLY: Refusal = Refusal {
    status: 500,
    why: "on_http returned true and has not replied",
};

impl Conn {
    /// Has the program answer a request for a page, then ends the connection.
    pub(super) fn answer_page(this: &Arc<Self>, page: Page) {
        this.lend_request(&Asking {
            url: &page.url,
            host: page.host.as_deref(),
            origin: page.origin.as_deref(),
            protocols: None,
            cookie: page.cookie.as_deref(),
            real_ip: page.real_ip.as_deref(),
        });
        let Some(hook) = this.ctx.hooks().on_http.get() else {
            // Removed since the request was read.
            return Self::refuse(this, &NO_UPGRADE);
        };
        let method = match page.method {
            Method::Head => c"HEAD",
            Method::Get | Method::Other => c"GET",
        };
        let url = CString::new(page.url).unwrap_or_default();
        this.link.lock().phase = Phase::Page(page.method);
        let handled = hook.call(this.ctx_ptr(), Self::as_c(this), method, &url);
        if !this.is_live() {
            return;
        }
        if !matches!(this.link.lock().phase, Phase::Page(_)) {
            let text = "the request was answered with a page";
            this.fail(Failure::new(Kind::Http, text));
            Self::finish(this, Ending::Answer);
        } else if handled {
            Self::refuse(this, &NO_REPLY);
        } else {
            Self::refuse(this, &NO_UPGRADE);
        }
    }

    /// The program's answer; false when none is due or it can't be sent as it is.
    pub fn http_reply(
        this: &Arc<Self>,
        status: c_int,
        content_type: Option<&[u8]>,
        body: &[u8],
    ) -> bool {
        let content_type = content_type.unwrap_or(b"text/plain; charset=utf-8");
        let status = u16::try_from(status).ok();
        // Interim answers (RFC 9110 §15.2) end nothing.
        let Some(status) = status.filter(|status| (200..600).contains(status)) else {
            log!(&this.ctx, Level::Critical, "status: not within 200..599");
            return false;
        };
        if content_type.iter().any(u8::is_ascii_control) {
            log!(
                &this.ctx,
                Level::Critical,
                "content_type: holds control characters"
            );
            return false;
        }
        let mut link = this.link.lock();
        let Phase::Page(method) = link.phase else {
            drop(link);
            log!(
                &this.ctx,
                Level::Critical,
                "conn id {}: no HTTP reply is due",
                this.id()
            );
            return false;
        };
        link.phase = Phase::Deciding;
        drop(link);
        let is_head = method == Method::Head;
        this.answer_http(&build_page(status, content_type, body, is_head));
        true
    }
}

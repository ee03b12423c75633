//! Whether this thread is inside the loop's dispatch, and of which connections.
//!
//! A send made from there must not wait for a peer: everybody else would wait, too.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::Arc;

use crate::api::conn::Conn;
use crate::api::conn::served::Service;
use crate::api::ctx::Ctx;
use crate::api::ctx::registry::Token;

/// One wait of this thread.
struct Wait {
    ctx: Arc<Ctx>,
    /// The connection it is serving.
    serves: Option<Token>,
}

thread_local! {
    /// Not dropped with the thread: destructors of the program's own data may still call us then.
    /// There is nothing to release either, outside of a wait.
    static WAITS: ManuallyDrop<RefCell<Vec<Wait>>> =
        const { ManuallyDrop::new(RefCell::new(Vec::new())) };
}

/// Ends the wait when dropped.
pub(crate) struct Waiting(());

/// Ends the dispatch when dropped.
pub(crate) struct Dispatch<'a> {
    _service: Service<'a>,
}

/// A wait begins on this thread.
pub(crate) fn begin(ctx: &Arc<Ctx>) -> Waiting {
    let wait = Wait {
        ctx: Arc::clone(ctx),
        serves: None,
    };
    WAITS.with(|waits| waits.borrow_mut().push(wait));
    Waiting(())
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let ended = WAITS.with(|waits| {
            let mut waits = waits.borrow_mut();
            let ended = waits.pop();
            if waits.is_empty() {
                waits.shrink_to_fit();
            }
            ended
        });
        drop(ended);
    }
}

/// The innermost wait of this thread starts serving a connection.
pub(crate) fn enter(conn: &Conn) -> Dispatch<'_> {
    serve(Some(conn.token()));
    Dispatch {
        _service: conn.served_by.begin(),
    }
}

impl Drop for Dispatch<'_> {
    fn drop(&mut self) {
        serve(None);
    }
}

fn serve(conn: Option<Token>) {
    WAITS.with(|waits| {
        if let Some(wait) = waits.borrow_mut().last_mut() {
            wait.serves = conn;
        }
    });
}

/// True while this thread serves some connection of the context.
pub(crate) fn inside(ctx: &Ctx) -> bool {
    any(|wait| wait.serves.is_some() && ptr::eq(Arc::as_ptr(&wait.ctx), ctx))
}

fn any(what: impl Fn(&Wait) -> bool) -> bool {
    WAITS.with(|waits| waits.borrow().iter().any(what))
}

/// The connections of a context that this thread is serving, of those that are still registered.
pub(crate) fn serving(ctx: &Ctx) -> Vec<Arc<Conn>> {
    let served: Vec<_> = WAITS.with(|waits| {
        let waits = waits.borrow();
        let here = waits
            .iter()
            .filter(|wait| ptr::eq(Arc::as_ptr(&wait.ctx), ctx));
        here.filter_map(|wait| wait.serves).collect()
    });
    served
        .into_iter()
        .filter_map(|token| ctx.find(token))
        .collect()
}

/// The context of the innermost dispatch of this thread.
pub(crate) fn current() -> Option<Arc<Ctx>> {
    WAITS.with(|waits| {
        let waits = waits.borrow();
        let serving = waits.iter().rev().find(|wait| wait.serves.is_some());
        serving.map(|wait| Arc::clone(&wait.ctx))
    })
}

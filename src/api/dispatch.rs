//! Whether this thread is inside the loop's dispatch, and of which connections.
//!
//! A send made from there must not wait for a peer: everybody else would wait, too.

use std::cell::RefCell;
use std::sync::Arc;

use crate::api::conn::Conn;
use crate::api::ctx::Ctx;

thread_local! {
    static STACK: RefCell<Vec<(Arc<Ctx>, Arc<Conn>)>> = const { RefCell::new(Vec::new()) };
}

/// Ends the dispatch when dropped.
pub(crate) struct Dispatch(());

/// The loop starts serving a connection on this thread.
pub(crate) fn enter(ctx: &Arc<Ctx>, conn: &Arc<Conn>) -> Dispatch {
    STACK.with(|stack| stack.borrow_mut().push((Arc::clone(ctx), Arc::clone(conn))));
    Dispatch(())
}

impl Drop for Dispatch {
    fn drop(&mut self) {
        let ended = STACK.with(|stack| stack.borrow_mut().pop());
        drop(ended);
    }
}

/// True while this thread serves some connection of the context.
pub(crate) fn inside(ctx: &Ctx) -> bool {
    STACK.with(|stack| {
        let stack = stack.borrow();
        stack
            .iter()
            .any(|(known, _)| std::ptr::eq(Arc::as_ptr(known), ctx))
    })
}

/// True while this thread serves this very connection.
pub(crate) fn of(conn: &Conn) -> bool {
    STACK.with(|stack| {
        let stack = stack.borrow();
        stack
            .iter()
            .any(|(_, known)| std::ptr::eq(Arc::as_ptr(known), conn))
    })
}

/// The connections of a context that this thread is serving.
pub(crate) fn serving(ctx: &Ctx) -> Vec<Arc<Conn>> {
    STACK.with(|stack| {
        let stack = stack.borrow();
        stack
            .iter()
            .filter(|(known, _)| std::ptr::eq(Arc::as_ptr(known), ctx))
            .map(|(_, conn)| Arc::clone(conn))
            .collect()
    })
}

/// The context of the innermost dispatch of this thread.
pub(crate) fn current() -> Option<Arc<Ctx>> {
    STACK.with(|stack| stack.borrow().last().map(|(ctx, _)| Arc::clone(ctx)))
}

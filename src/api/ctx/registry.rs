//! Which connections a context has.

use std::sync::Arc;

use crate::api::conn::Conn;

/// A place in the registry with its generation, so that an event for a connection that has left
/// never reaches the one that took its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Token(usize);

/// Half of the bits for the slot, half for the generation.
const HALF: u32 = usize::BITS / 2;
const MASK: usize = (1 << HALF) - 1;

impl Token {
    /// Of a connection that is in no registry.
    pub(crate) const NONE: usize = usize::MAX;

    fn new(slot: usize, generation: usize) -> Self {
        Self((generation & (MASK >> 1)) << HALF | slot)
    }

    pub(crate) const fn from_raw(raw: usize) -> Self {
        Self(raw)
    }

    pub(crate) const fn raw(self) -> usize {
        self.0
    }

    const fn slot(self) -> usize {
        self.0 & MASK
    }
}

#[derive(Default)]
struct Slot {
    generation: usize,
    conn: Option<Arc<Conn>>,
}

/// Slots are reused; ids are not.
#[derive(Default)]
pub(crate) struct Registry {
    slots: Vec<Slot>,
    free: Vec<usize>,
    count: i32,
    last_id: i32,
    /// Died since the last collection. May hold tokens that are no longer valid.
    dead: Vec<Token>,
}

impl Registry {
    /// Adds a connection and gives it an id; `None` when it is already here.
    pub(crate) fn add(&mut self, conn: &Arc<Conn>) -> Option<Token> {
        if conn.is_registered() {
            return None;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        });
        let entry = &mut self.slots[slot];
        entry.generation += 1;
        entry.conn = Some(Arc::clone(conn));
        let token = Token::new(slot, entry.generation);
        self.count += 1;
        self.last_id += 1;
        conn.set_id(self.last_id);
        conn.set_token(token.raw());
        Some(token)
    }

    /// Takes a connection out; false when it isn't here.
    pub(crate) fn remove(&mut self, conn: &Arc<Conn>) -> bool {
        let token = conn.token();
        let here = self
            .get(token)
            .is_some_and(|found| Arc::ptr_eq(found, conn));
        if here {
            self.slots[token.slot()].conn = None;
            self.free.push(token.slot());
            self.count -= 1;
            conn.set_token(Token::NONE);
        }
        here
    }

    pub(crate) fn get(&self, token: Token) -> Option<&Arc<Conn>> {
        let slot = self.slots.get(token.slot())?;
        let conn = slot.conn.as_ref()?;
        (Token::new(token.slot(), slot.generation) == token).then_some(conn)
    }

    /// Compares pointers only.
    pub(crate) fn contains(&self, conn: *const Conn) -> bool {
        self.slots
            .iter()
            .flat_map(|slot| &slot.conn)
            .any(|found| Arc::as_ptr(found) == conn)
    }

    /// The next connection at or behind a slot, with the slot behind it.
    pub(crate) fn next(&self, from: usize) -> Option<(usize, Arc<Conn>)> {
        self.slots
            .iter()
            .enumerate()
            .skip(from)
            .find_map(|(slot, entry)| Some((slot + 1, Arc::clone(entry.conn.as_ref()?))))
    }

    pub(crate) fn count(&self) -> i32 {
        self.count
    }

    /// Notes that a connection is to be collected.
    pub(crate) fn note_dead(&mut self, conn: &Conn) {
        let token = conn.token();
        if self.get(token).is_none() {
            return;
        }
        // A program without our loop never collects; it takes its connections out itself.
        if self.dead.len() > 2 * self.slots.len() + 64 {
            let mut dead = std::mem::take(&mut self.dead);
            dead.retain(|&token| self.get(token).is_some_and(|conn| !conn.is_ok()));
            dead.dedup();
            self.dead = dead;
        }
        self.dead.push(token);
    }

    /// Everything that died and is still here.
    pub(crate) fn take_dead(&mut self) -> Vec<Arc<Conn>> {
        let dead = std::mem::take(&mut self.dead);
        dead.into_iter()
            .filter_map(|token| self.get(token).cloned())
            .filter(|conn| !conn.is_ok())
            .collect()
    }
}

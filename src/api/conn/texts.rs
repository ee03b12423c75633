//! Strings lent to C. They live as long as the connection, replaced ones, too: a program may still
//! hold the pointer. All that come at the same time share a block, and nearly every connection has
//! but one: what its request, or its caller, said.

use std::ffi::{CStr, c_char};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::{Cold, Conn};
use crate::sync::relock;

/// Where C reads a string, and which one.
pub(super) type Lending<'a> = (&'a AtomicPtr<c_char>, Option<&'a [u8]>);

/// What a request says about itself.
pub(super) struct Asking<'a> {
    pub(super) url: &'a [u8],
    pub(super) host: Option<&'a [u8]>,
    pub(super) origin: Option<&'a [u8]>,
    pub(super) protocols: Option<&'a [u8]>,
    pub(super) cookie: Option<&'a [u8]>,
    pub(super) real_ip: Option<&'a [u8]>,
}

impl Cold {
    /// Copies the strings, up to their first NUL, and publishes them. `None` leaves its place as it
    /// is.
    fn lend(&mut self, all: &[Lending<'_>]) {
        let texts = || {
            let given = all.iter().filter_map(|&(place, text)| Some((place, text?)));
            given.map(|(place, text)| (place, until_nul(text)))
        };
        let size = texts().map(|(_, text)| text.len() + 1).sum();
        let mut block = Vec::with_capacity(size);
        for (_, text) in texts() {
            block.extend_from_slice(text);
            block.push(0);
        }
        let block = self.keep(block.into_boxed_slice());
        let mut start = 0;
        for (place, text) in texts() {
            let text = &block[start..=start + text.len()];
            place.store(text.as_ptr().cast::<c_char>().cast_mut(), Ordering::Release);
            start += text.len();
        }
    }

    fn keep(&mut self, block: Box<[u8]>) -> &[u8] {
        if self.texts.is_empty() {
            self.texts = block;
            return &self.texts;
        }
        let blocks = &mut self.rare().texts;
        blocks.push(block);
        blocks.last().map_or(&[], |block| block)
    }

    /// The string that was lent as `pointer`.
    fn find(&self, pointer: *const c_char) -> Option<&CStr> {
        let later = self.rare.iter().flat_map(|rare| &rare.texts);
        std::iter::once(&self.texts).chain(later).find_map(|block| {
            let start = (pointer as usize).checked_sub(block.as_ptr() as usize)?;
            CStr::from_bytes_until_nul(block.get(start..)?).ok()
        })
    }
}

fn until_nul(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|&byte| byte == 0);
    &text[..end.unwrap_or(text.len())]
}

impl Conn {
    /// Stores a string that C may read for as long as the object lives.
    pub(super) fn lend(&self, place: &AtomicPtr<c_char>, text: &[u8]) {
        self.lend_all(&[(place, Some(text))]);
    }

    /// The same for several, which come together.
    pub(super) fn lend_all(&self, all: &[Lending<'_>]) {
        if all.iter().any(|(_, text)| text.is_some()) {
            relock(&self.cold).lend(all);
        }
    }

    /// Stores what a client asked for.
    pub(super) fn lend_request(&self, asking: &Asking<'_>) {
        let mut cold = relock(&self.cold);
        let mut rarely = [
            (AtomicPtr::default(), asking.cookie),
            (AtomicPtr::default(), asking.real_ip),
        ];
        let [cookie, real_ip] = &rarely;
        cold.lend(&[
            (&self.window.get_url, Some(asking.url)),
            (&self.window.host_name, asking.host),
            (&self.window.origin, asking.origin),
            (&self.window.protocols, asking.protocols),
            (&cookie.0, cookie.1),
            (&real_ip.0, real_ip.1),
        ]);
        if rarely.iter().any(|(_, text)| text.is_some()) {
            let [cookie, real_ip] = rarely.each_mut().map(|(place, _)| std::mem::take(place));
            let rare = cold.rare();
            (rare.cookie, rare.real_ip) = (cookie, real_ip);
        }
    }

    /// A copy of a string that was lent.
    pub(super) fn lent(&self, pointer: *const c_char) -> Option<Vec<u8>> {
        let cold = relock(&self.cold);
        Some(cold.find(pointer)?.to_bytes().to_vec())
    }
}

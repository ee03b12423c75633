//! The validator: in any portions it fails where the standard library's fails, and not earlier.

use nopoll::fuzzing::utf8::Utf8;

use crate::input::{Input, Portions};

pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let seed = input.word();
    let text = input.rest();
    let mut utf8 = Utf8::default();
    let mut seen = 0;
    for portion in Portions::new(text, seed) {
        seen += portion.len();
        let hopeless =
            std::str::from_utf8(&text[..seen]).is_err_and(|error| error.error_len().is_some());
        assert_eq!(utf8.push(portion).is_err(), hopeless, "at {seen}");
        if hopeless {
            return;
        }
    }
    assert_eq!(utf8.is_complete(), std::str::from_utf8(text).is_ok());
}

//! The text that is sent.

/// Text with characters of every length; the pattern a fast validator of ASCII can't skip over.
pub fn text(i: usize, size: usize) -> Vec<u8> {
    const LINES: [&str; 4] = [
        "The quick brown fox jumps over the lazy dog. ",
        "Größere Übungen für Köche, naïve façades. ",
        "Το γρήγορο καφέ αλεπού πηδάει. ",
        "いろはにほへと ちりぬるを 😀🎉 ",
    ];
    let mut text = format!("{i} ");
    let mut lines = LINES.iter().cycle().skip(i % LINES.len());
    'fill: while text.len() < size {
        for character in lines.next().into_iter().flat_map(|line| line.chars()) {
            if text.len() + character.len_utf8() > size {
                break 'fill;
            }
            text.push(character);
        }
    }
    let mut bytes = text.into_bytes();
    bytes.resize(size, b'.');
    bytes
}

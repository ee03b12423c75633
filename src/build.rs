//! Gives the shared library the name that C programs were linked against.

fn main() {
    println!("cargo:rerun-if-changed=src/build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libnopoll.so.0");
}

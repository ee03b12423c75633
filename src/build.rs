//! Gives the shared library the name that C programs were linked against, and chooses what can be
//! compiled.

#[path = "simd/build.rs"]
mod simd;

fn main() {
    println!("cargo:rerun-if-changed=src/build.rs");
    println!("cargo:rerun-if-changed=src/simd/build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libnopoll.so.0");
    simd::set_cfg();
}

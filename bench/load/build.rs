//! The library's files that are measured are compiled as they are there.

#[path = "../../src/simd/build.rs"]
mod simd;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../../src/simd/build.rs");
    simd::set_cfg();
}

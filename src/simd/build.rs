//! For build scripts: what this compiler can make of `mod.rs`.

/// Sets `avx512` where Rust has these instructions, which is since 1.89.
pub fn set_cfg() {
    println!("cargo:rustc-check-cfg=cfg(avx512)");
    let is_x86_64 = std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("x86_64");
    if is_x86_64 && autocfg::new().probe_rustc_version(1, 89) {
        println!("cargo:rustc-cfg=avx512");
    }
}

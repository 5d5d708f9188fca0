//! `toolgate pack`: a bundle in one file.

use std::{io::Write, path::PathBuf};

use serde_json::json;
use toolgate::{PolicyBundle, public_key};

use crate::{
    Format, bundle,
    exit::{Exit, Fault, at},
    render::{GREEN, plain, styled},
};

/// Write a bundle into one file, which loads without parsing and decides the same
///
/// The file holds the compiled policies, the catalog and the entities, with a digest over all of it; whatever takes a BUNDLE
/// takes it, too. Of the same bundle, it is always the same file. What deserves a second look is told by `check` on the
/// folder: a packed bundle has no warnings.
///
/// With --sign, an Ed25519 signature is added; `check --signed-by` asks for it. A packed file that is packed again keeps
/// no signature that it had.
#[derive(clap::Args)]
#[command(after_help = "Ends with 3 if the bundle does not load.\n\n\
    Examples:\n  toolgate pack my-bundle -o my-bundle.toolgate\n  \
    openssl rand -hex 32 > key && toolgate pack my-bundle -o my-bundle.toolgate --sign key")]
pub(crate) struct Args {
    /// The bundle: its folder, or a packed file
    bundle: PathBuf,
    /// The file to write, which is replaced if it is there
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Sign with the secret key in this file: 64 hexadecimal digits
    #[arg(long, value_name = "KEYFILE")]
    sign: Option<PathBuf>,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<Exit, Fault> {
    let (bundle, _) = match bundle::load(&args.bundle, args.format, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let mut packed = bundle.pack();
    let mut key = None;
    if let Some(file) = &args.sign {
        let secret = self::key(&bundle::input(file)?).ok_or_else(|| {
            Fault::Told(at(
                file,
                "this is no secret key; it holds 64 hexadecimal digits, as `openssl rand -hex 32` writes them",
            ))
        })?;
        packed = PolicyBundle::sign(&packed, &secret)?;
        key = Some(hex(&public_key(&secret)));
    }
    bundle::write(&args.output, &packed)?;
    let (name, version, digest, bytes) = (bundle.name(), bundle.version(), bundle.digest(), packed.len());
    match args.format {
        Format::Text => {
            let [name, version, file] = [name, version, &args.output.display().to_string()].map(plain);
            writeln!(out, "{} {name} {version} in {file}, {bytes} bytes, {digest}", styled(GREEN, "packed"))?;
            if let Some(key) = key {
                writeln!(out, "signed; the public key is {key}")?;
            }
        }
        Format::Json => {
            let answer = json!({"version": 1, "bundle": {"name": name, "version": version, "digest": digest.to_string()},
                "file": args.output.display().to_string(), "bytes": bytes, "signed_by": key});
            writeln!(out, "{answer}")?;
        }
    }
    Ok(Exit::Ok)
}

/// A key, from its hexadecimal digits.
pub(crate) fn key(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    let mut key = [0; 32];
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(key)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

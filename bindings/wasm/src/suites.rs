//! Policy tests.

use toolgate::Sources;
use toolgate_harness::Session;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::fault::Fault;

/// A bundle with its test files.
#[wasm_bindgen]
pub struct RawSuites(Session);

#[wasm_bindgen]
impl RawSuites {
    /// A bundle from its files, test files among them.
    pub fn open(names: Vec<String>, texts: Vec<String>) -> Result<RawSuites, Fault> {
        Ok(Self(Session::open(sources(names, texts))?))
    }

    /// A packed bundle, and test files beside it.
    #[wasm_bindgen(js_name = openPacked)]
    pub fn open_packed(bundle: &[u8], names: Vec<String>, texts: Vec<String>) -> Result<RawSuites, Fault> {
        Ok(Self(Session::open_packed(bundle, sources(names, texts))?))
    }

    /// What there is to run, as JSON.
    pub fn list(&self) -> String {
        self.0.list()
    }

    /// Runs, and gives the report in the form that the options say.
    pub fn run(&self, options: &str) -> Result<String, Fault> {
        self.0.run(options).map_err(|error| Fault::usage(&error.to_string()))
    }
}

/// Files by their names.
pub(crate) fn sources(names: Vec<String>, texts: Vec<String>) -> Sources {
    let mut sources = Sources::default();
    names.into_iter().zip(texts).for_each(|(name, text)| sources.insert(name, text));
    sources
}

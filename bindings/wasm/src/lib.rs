use toolgate::{Gate, Ledger, PolicyBundle, Timestamp, wire};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
pub struct RawGate(Gate);
#[wasm_bindgen]
pub struct RawLedger(Ledger);

#[wasm_bindgen]
impl RawGate {
    pub fn unpack(bytes: &[u8]) -> Result<RawGate, String> {
        Ok(Self(Gate::new(PolicyBundle::unpack(bytes).map_err(|e| e.to_string())?)))
    }
    pub fn authorize(&self, call: &str, ledger: &mut RawLedger, now: f64) -> String {
        let now = Timestamp::from_millis(now as i64);
        let record = match wire::read_call(call.as_bytes(), self.0.limits()) {
            Ok(call) => self.0.authorize(&call, &mut ledger.0, now),
            Err(denied) => self.0.refuse(denied, now),
        };
        record.to_json()
    }
    pub fn decide(&self, call: &str, ledger: &RawLedger, now: f64) -> String {
        let now = Timestamp::from_millis(now as i64);
        match wire::read_call(call.as_bytes(), self.0.limits()) {
            Ok(call) => wire::answer(&self.0.decide(&call, &ledger.0, now)),
            Err(denied) => wire::answer(&denied),
        }
    }
    pub fn apply(&self, ledger: &mut RawLedger, line: &str) -> Result<(), String> {
        let (event, at) = wire::read_event(&self.0, line)?;
        self.0.apply(&mut ledger.0, event, at).map_err(|e| e.to_string())?;
        Ok(())
    }
    pub fn list(&self, request: &str, ledger: &RawLedger, now: f64, live: &str) -> String {
        let Ok(r) = wire::read_list_request(request.as_bytes(), self.0.limits()) else { return String::new() };
        let l = self.0.list(&r, &ledger.0, Timestamp::from_millis(now as i64));
        let f = toolgate::filter_tools(live, "x", &l).map(|f| f.text).unwrap_or_default();
        wire::listing(&l) + &f
    }
    pub fn identify(&self, claims: &str) -> String {
        let Ok(c) = toolgate::Json::parse(claims.as_bytes()) else { return String::new() };
        match self.0.identify(&c) { Ok(i) => i.principal.id, Err(d) => wire::answer(&d) }
    }
    pub fn journal(&self, text: &str) -> Result<RawLedger, String> {
        wire::read_journal(&self.0, text).map(RawLedger).map_err(|e| e.to_string())
    }
}

#[wasm_bindgen]
impl RawLedger {
    pub fn snapshot(&self) -> String { self.0.snapshot() }
}

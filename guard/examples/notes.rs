//! The server of the scenarios, on the standard input and output.

use rmcp::ServiceExt as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = toolgate_scenarios::Notes::new(Vec::new()).serve(rmcp::transport::stdio()).await?;
    server.waiting().await?;
    Ok(())
}

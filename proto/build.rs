//! Compiles the protocol without `protoc`.
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=agent");
    let mut prost = tonic_prost_build::Config::new();
    // A token, a key and a part of a Secret must not reach a log by way of `{:?}`.
    prost.skip_debug(
        ["JoinRequest", "JoinReply", "FetchPart", "Part", "Content", "ServeData"]
            .map(|m| format!(".windlass.agent.v1.{m}")),
    );
    prost.bytes([
        ".windlass.agent.v1.Part.data",
        ".windlass.agent.v1.FetchPart.data",
        ".windlass.agent.v1.ServeData.data",
    ]);
    let files = protox::compile(["agent/v1/agent.proto"], ["."])?;
    tonic_prost_build::configure().build_transport(false).compile_fds_with_config(files, prost)?;
    Ok(())
}

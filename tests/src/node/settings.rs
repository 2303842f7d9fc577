//! The files that a node's programs read.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::network::Network;
use crate::control_plane::ControlPlane;

/// The sandbox of every Pod.
pub(super) const PAUSE: &str = "localhost/pause:1";

/// Writes everything into the node's folder.
pub(super) fn write(folder: &Path, programs: &Path, name: &str, plane: &ControlPlane, network: &Network) -> Result<()> {
    let here = folder.display();
    let kubelet = plane.identity(&format!("system:node:{name}"), &["system:nodes"])?;
    let proxy = plane.identity("system:kube-proxy", &[])?;
    for (from, to) in
        [(kubelet, "kubelet.kubeconfig"), (proxy, "kube-proxy.kubeconfig"), (plane.kubeconfig_path(), "dns.kubeconfig")]
    {
        std::fs::copy(&from, folder.join(to)).with_context(|| format!("copying {}", from.display()))?;
    }
    let address = network.node();
    for (file, text) in [
        ("enter.sh", include_str!("enter.sh").to_owned()),
        ("inside.sh", include_str!("inside.sh").to_owned()),
        ("ca.crt", plane.ca_pem()),
        ("resolv.conf", "nameserver 127.0.0.1\n".to_owned()),
        ("containerd.toml", containerd(folder, programs)),
        ("cni/10-bridge.conflist", pod_network(folder, network)),
        ("kubelet.json", kubelet_configuration(folder, network)),
        ("kube-proxy.json", proxy_configuration(folder, name)),
        (
            "Corefile",
            format!(
                ".:53 {{\n  bind {address}\n  errors\n  ready {address}:8181\n  kubernetes cluster.local {{\n    \
                 kubeconfig {here}/dns.kubeconfig\n  }}\n}}\n"
            ),
        ),
    ] {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().unwrap_or(folder)).with_context(|| format!("creating {here}"))?;
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// containerd 2.
fn containerd(folder: &Path, programs: &Path) -> String {
    let (here, programs) = (folder.display(), programs.display());
    format!(
        r#"version = 3
root = "{here}/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.blockfile"]
[grpc]
address = "{here}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
path = "{here}/opt"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{PAUSE}"
[plugins."io.containerd.cri.v1.runtime"]
# A machine may not let anybody lower a score.
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{programs}"]
conf_dir = "{here}/cni"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = false
"#
    )
}

fn pod_network(folder: &Path, network: &Network) -> String {
    let bridge = json!({
        "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
        "ipam": {
            "type": "host-local",
            "dataDir": folder.join("addresses"),
            "ranges": [[{ "subnet": network.pods() }]],
            "routes": [{ "dst": "0.0.0.0/0" }],
        },
    });
    let ports = json!({ "type": "portmap", "capabilities": { "portMappings": true } });
    json!({ "cniVersion": "0.4.0", "name": "pods", "plugins": [bridge, ports] }).to_string()
}

fn kubelet_configuration(folder: &Path, network: &Network) -> String {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": false,
        "cgroupDriver": "cgroupfs",
        "failSwapOn": false,
        "containerRuntimeEndpoint": format!("unix://{}/containerd.sock", folder.display()),
        "address": network.node(),
        "authentication": {
            "anonymous": { "enabled": false },
            "webhook": { "enabled": true },
            "x509": { "clientCAFile": folder.join("ca.crt") },
        },
        "authorization": { "mode": "Webhook" },
        "clusterDNS": [network.node()],
        "clusterDomain": "cluster.local",
        "resolvConf": folder.join("resolv.conf"),
        "volumePluginDir": folder.join("volume-plugins"),
        // The machine's disk is not the node's to judge.
        "evictionHard": { "memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%" },
        "imageGCHighThresholdPercent": 100,
        "syncFrequency": "2s",
        "configMapAndSecretChangeDetectionStrategy": "Watch",
        "nodeStatusUpdateFrequency": "5s",
    })
    .to_string()
}

fn proxy_configuration(folder: &Path, name: &str) -> String {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "hostnameOverride": name,
        "clientConnection": { "kubeconfig": folder.join("kube-proxy.kubeconfig") },
        "clusterCIDR": "10.245.0.0/16",
        "syncPeriod": "30s",
        // Settings of the machine's kernel that are not the node's.
        "conntrack": { "maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s" },
    })
    .to_string()
}

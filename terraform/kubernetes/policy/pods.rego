# What every pod of ours must be. `conftest test` reads one manifest at a time.
package main

import rego.v1

pod := input.spec.template.spec if input.kind == "Deployment"

containers := array.concat(object.get(pod, "initContainers", []), pod.containers)

name(container) := sprintf("%s/%s", [input.metadata.name, container.name])

deny contains msg if {
	some container in containers
	not regex.match(`@sha256:[0-9a-f]{64}$`, container.image)
	msg := sprintf("%s: image %s has no digest: a tag can be moved", [name(container), container.image])
}

deny contains msg if {
	some container in containers
	some limit in ["cpu", "memory", "ephemeral-storage"]
	not container.resources.limits[limit]
	msg := sprintf("%s: no limit of %s", [name(container), limit])
}

deny contains msg if {
	pod
	not pod.securityContext.runAsNonRoot
	msg := sprintf("%s: may be root", [input.metadata.name])
}

deny contains msg if {
	pod
	pod.securityContext.seccompProfile.type != "RuntimeDefault"
	msg := sprintf("%s: seccomp is not RuntimeDefault", [input.metadata.name])
}

deny contains msg if {
	pod
	not pod.securityContext.seccompProfile
	msg := sprintf("%s: seccomp is not RuntimeDefault", [input.metadata.name])
}

deny contains msg if {
	some container in containers
	not container.securityContext.readOnlyRootFilesystem
	msg := sprintf("%s: may write to its image", [name(container)])
}

deny contains msg if {
	some container in containers
	object.get(container, ["securityContext", "allowPrivilegeEscalation"], true)
	msg := sprintf("%s: may gain rights", [name(container)])
}

deny contains msg if {
	some container in containers
	object.get(container, ["securityContext", "capabilities", "drop"], []) != ["ALL"]
	msg := sprintf("%s: has capabilities", [name(container)])
}

deny contains msg if {
	some container in containers
	container.securityContext.privileged
	msg := sprintf("%s: is privileged", [name(container)])
}

deny contains msg if {
	some container in containers
	some probe in ["startupProbe", "livenessProbe", "readinessProbe"]
	not container[probe]
	msg := sprintf("%s: has no %s", [name(container), probe])
}

deny contains msg if {
	some field in ["hostNetwork", "hostPID", "hostIPC"]
	pod[field]
	msg := sprintf("%s: has the node's %s", [input.metadata.name, field])
}

deny contains msg if {
	some volume in pod.volumes
	volume.hostPath
	msg := sprintf("%s: volume %s is the node's", [input.metadata.name, volume.name])
}

deny contains msg if {
	some volume in pod.volumes
	object.get(volume, "emptyDir", {"sizeLimit": 1})
	not object.get(volume, "emptyDir", {"sizeLimit": 1}).sizeLimit
	msg := sprintf("%s: volume %s has no limit", [input.metadata.name, volume.name])
}

deny contains msg if {
	pod
	object.get(pod, "automountServiceAccountToken", true)
	msg := sprintf("%s: has a token of the cluster's", [input.metadata.name])
}

deny contains msg if {
	pod
	object.get(pod, "enableServiceLinks", true)
	msg := sprintf("%s: gets service links for settings", [input.metadata.name])
}

deny contains msg if {
	some container in containers
	some variable in container.env
	regex.match(`PASSWORD|TOKEN|SECRET`, variable.name)
	variable.value
	msg := sprintf("%s: %s stands in the manifest", [name(container), variable.name])
}

deny contains msg if {
	input.kind == "ConfigMap"
	some key, _ in input.data
	regex.match(`PASSWORD|TOKEN|SECRET`, key)
	msg := sprintf("%s: %s stands in the manifest", [input.metadata.name, key])
}

deny contains msg if {
	input.kind == "Service"
	input.spec.type in ["LoadBalancer", "NodePort"]
	msg := sprintf("%s: can be reached from outside", [input.metadata.name])
}

package lab

import (
	"strings"
	"text/template"
)

// domainXML is a domain as Nova writes it, with the least of devices.
var domainXML = template.Must(template.New("domain").Parse(`<domain type='qemu'>
  <name>{{.Name}}</name>
  <uuid>{{.UUID}}</uuid>
  <metadata>
    <nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
      <nova:package version="26.2.2"/>
      <nova:name>{{html .NovaName}}</nova:name>
      <nova:creationTime>2026-11-22 02:00:00</nova:creationTime>
      <nova:flavor name="{{.Flavor}}"><nova:memory>96</nova:memory><nova:vcpus>1</nova:vcpus></nova:flavor>
      <nova:owner>
        <nova:user uuid="{{.UserID}}">{{.User}}</nova:user>
        <nova:project uuid="{{.ProjectID}}">{{.Project}}</nova:project>
      </nova:owner>
      <nova:ports><nova:port uuid="{{.PortID}}"><nova:ip type="fixed" address="{{.Addr}}" ipVersion="4"/></nova:port></nova:ports>
    </nova:instance>
  </metadata>
  <memory unit='MiB'>96</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{{.Kernel}}</kernel><initrd>{{.Initrd}}</initrd>
    <cmdline>console=ttyS0 quiet panic=1 lab.ip={{.Addr}}/24{{if not .NBD}} lab.idle{{end}}</cmdline></os>
  <features><acpi/></features>
  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{{.DiskFile}}'/><target dev='vda' bus='virtio'/></disk>
    {{if .NBD}}<disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='nbd'><host transport='unix' socket='{{.NBD}}'/></source><target dev='vdb' bus='virtio'/></disk>{{end}}
    {{if .Block}}<disk type='block' device='disk'><driver name='qemu' type='raw'/><source dev='{{.Block}}'/><target dev='vdc' bus='virtio'/></disk>{{end}}
    <interface type='bridge'>{{if .OVS}}<virtualport type='openvswitch'><parameters interfaceid='{{.PortID}}'/></virtualport>{{end}}<mac address='{{.MAC}}'/><source bridge='{{.Bridge}}'/><target dev='{{.Tap}}'/><model type='virtio'/></interface>
    <serial type='file'><source path='{{.Serial}}'/></serial>
    <memballoon model='virtio'><stats period='2'/></memballoon>
  </devices>
</domain>
`))

func (g *Guest) xml() string {
	var b strings.Builder
	err := domainXML.Execute(&b, struct {
		*Guest
		Kernel, Initrd, Serial string
	}{g, g.h.kernel, g.h.initrd, g.serial()})
	g.h.must(err)
	return b.String()
}

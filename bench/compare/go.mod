module weir/bench/compare

go 1.26.0

replace weir => ../..

require (
	github.com/Cistern/sflow v0.0.0-20240622235316-ed105e3cf9fb
	github.com/google/gopacket v1.1.19
	github.com/netsampler/goflow2/v2 v2.2.6
	weir v0.0.0-00010101000000-000000000000
)

require (
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

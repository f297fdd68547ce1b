package ovs

import (
	"context"

	"github.com/ovn-org/libovsdb/client"
	"github.com/ovn-org/libovsdb/model"
)

// The tables of the Open_vSwitch database, with the columns that are read. What
// changes with every packet, such as an interface's statistics, is not among
// them.
type (
	rootRow struct {
		UUID    string   `ovsdb:"_uuid"`
		Bridges []string `ovsdb:"bridges"`
		CurCfg  int      `ovsdb:"cur_cfg"`
		NextCfg int      `ovsdb:"next_cfg"`
	}
	bridgeRow struct {
		UUID         string   `ovsdb:"_uuid"`
		Name         string   `ovsdb:"name"`
		DatapathType string   `ovsdb:"datapath_type"`
		Ports        []string `ovsdb:"ports"`
		SFlow        *string  `ovsdb:"sflow"`
	}
	portRow struct {
		UUID        string            `ovsdb:"_uuid"`
		Name        string            `ovsdb:"name"`
		Interfaces  []string          `ovsdb:"interfaces"`
		OtherConfig map[string]string `ovsdb:"other_config"` // Neutron's agent notes a port's network here
	}
	interfaceRow struct {
		UUID        string            `ovsdb:"_uuid"`
		Name        string            `ovsdb:"name"`
		Type        string            `ovsdb:"type"`
		IfIndex     *int              `ovsdb:"ifindex"`
		AdminState  *string           `ovsdb:"admin_state"`
		LinkState   *string           `ovsdb:"link_state"`
		ExternalIDs map[string]string `ovsdb:"external_ids"`
		Error       *string           `ovsdb:"error"`
	}
	sflowRow struct {
		UUID     string   `ovsdb:"_uuid"`
		Targets  []string `ovsdb:"targets"`
		Agent    *string  `ovsdb:"agent"`
		Sampling *int     `ovsdb:"sampling"`
		Polling  *int     `ovsdb:"polling"`
		Header   *int     `ovsdb:"header"`
	}
)

func newModel() (model.ClientDBModel, error) {
	return model.NewClientDBModel("Open_vSwitch", map[string]model.Model{
		"Open_vSwitch": &rootRow{}, "Bridge": &bridgeRow{}, "Port": &portRow{}, "Interface": &interfaceRow{}, "sFlow": &sflowRow{},
	})
}

// monitor asks for the columns of the models and no others.
func monitor(ctx context.Context, c client.Client) error {
	var (
		r rootRow
		b bridgeRow
		p portRow
		i interfaceRow
		s sflowRow
	)
	_, err := c.Monitor(ctx, c.NewMonitor(
		client.WithTable(&r, &r.Bridges, &r.CurCfg, &r.NextCfg),
		client.WithTable(&b, &b.Name, &b.DatapathType, &b.Ports, &b.SFlow),
		client.WithTable(&p, &p.Name, &p.Interfaces, &p.OtherConfig),
		client.WithTable(&i, &i.Name, &i.Type, &i.IfIndex, &i.AdminState, &i.LinkState, &i.ExternalIDs, &i.Error),
		client.WithTable(&s, &s.Targets, &s.Agent, &s.Sampling, &s.Polling, &s.Header),
	))
	return err
}

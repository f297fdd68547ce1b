package detect

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Of a rule's alert about an instance its project is told the instance, the ends of
// its packets and the figures, and nothing that may be of others.
func TestRuleIsToldWithoutWhatIsOfOthers(t *testing.T) {
	const instance = `"instance":{"uuid":"dead0300-0000-4000-8000-000000000001","name":"web-1","project":"p1"}`
	const more = `"lower":1,"upper":1e6,"group":"secret-group","filter":"dst = secret-net","agent":"192.0.2.77","agent_name":"secret-node","direction":"ingress","vantage_points":3`
	figures := func(value string, estimate, threshold string) string {
		return `"value":"` + value + `","estimate":` + estimate + `,"low":` + estimate + `,"high":` + estimate + `,"peak":0,"samples":7,"effective_samples":7,"sampling_rate":100,"window_seconds":2,"threshold":` + threshold
	}
	for _, c := range []struct{ name, subject, evidence, project, line, wantSubject, wantEvidence string }{
		{"packets", `{"rule":"secret-rule","key":{"instance":"web-1"},"domain":"secret-domain",` + instance + `}`, `{` + figures("packets_per_second", "60000", "20000") + `,` + more + `}`, "p1",
			"rule instance=web-1: 60kpps (60kpps to 60kpps), threshold 20kpps", `{"key":{"instance":"web-1"},` + instance + `}`, `{` + figures("packets_per_second", "60000", "20000") + `}`},
		{"of a link, with its ends", `{"rule":"secret-rule","key":{"agent":"192.0.2.77","dst_port":443,"input":17,"instance":"web-1","src":"10.0.0.5","vlan":99,"zone":"secret"},` + instance + `}`, `{` + figures("bits_per_second", "0.25", "0.1") + `,` + more + `}`, "p1",
			"rule instance=web-1 src=10.0.0.5 dst_port=443: 25 % (25 % to 25 %), threshold 10 %", `{"key":{"dst_port":443,"instance":"web-1","src":"10.0.0.5"},` + instance + `}`, `{` + figures("bits_per_second", "0.25", "0.1") + `}`},
		{"distinct, evidence gone", `{"rule":"secret-rule","key":{"instance":"web-1"},` + instance + `}`, "", "p1", "rule instance=web-1", `{"key":{"instance":"web-1"},` + instance + `}`, ""},
		{"what somebody did with it", `{"rule":"secret-rule","key":{"instance":"web-1"},` + instance + `}`, `{"do":"ack","note":"secret"}`, "p1", "rule instance=web-1", `{"key":{"instance":"web-1"},` + instance + `}`, ""},
		{"of no instance", `{"rule":"secret-rule","key":{"dst":"10.0.0.9"}}`, `{}`, "", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := RuleProject("rule", []byte(c.subject)); got != c.project {
				t.Fatalf("project %q, want %q", got, c.project)
			}
			if got := RuleProject("large_flow", []byte(c.subject)); got != "" {
				t.Errorf("of another kind: project %q", got)
			}
			if c.project == "" {
				return
			}
			var evidence []byte
			if c.evidence != "" {
				evidence = []byte(c.evidence)
			}
			got := TellRule([]byte(c.subject), evidence)
			want := RuleTold{[]byte(c.wantSubject), nil, c.line}
			if c.wantEvidence != "" {
				want.Evidence = []byte(c.wantEvidence)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if all := string(got.Subject) + string(got.Evidence) + got.Line; strings.Contains(all, "secret") || strings.Contains(all, "192.0.2.77") {
				t.Errorf("told: %s", all)
			}
		})
	}
}

// Package route decides which alert change goes to which way out, and when: by
// severity and state, once, pages after their delay and never in a storm, and
// the end to everybody who was told the beginning. It reads no clock: the time
// is an argument.
//
// A way out has a role. A pager gets confirmed critical alerts, after the page
// delay of their kind; a chat gets confirmed warnings and critical ones; a log
// gets everything. Of an alert that was told, only a change of state, severity,
// flapping or incident is told again, and that not to ways that would ring
// twice.
//
// What ends because weir stops, or because a clock jumped, is not over: nobody
// but logs is told. If it is not seen again within Grace, it is told then, with
// the reason not_seen.
package route

/* run.py: needs=tls */
/* The table of table.c, about connections over TLS. */
#include "table/tls.h"

/* Under slow tools only what is about connections. */
static int all (void) { return check_slowness () < 10; }

TEST (a_client) { at_place (TLS_CLIENT, play_tls, 0); }
/* Q17, M-37 */
TEST (an_accepted_connection_before_its_handshake) { at_place (TLS_WAITING, play_tls, 0); }
TEST (an_accepted_connection) { at_place (TLS_ACCEPTED, play_tls, 0); }
TEST (inside_a_clients_context_creator) { at_place (IN_CLIENT_CREATOR, play_tls, all ()); }
TEST (inside_a_clients_check) { at_place (IN_CLIENT_CHECK, play_tls, all ()); }
TEST (inside_a_servers_context_creator) { at_place (IN_SERVER_CREATOR, play_tls, all ()); }
TEST (inside_a_servers_check) { at_place (IN_SERVER_CHECK, play_tls, all ()); }

TESTS (CASE (a_client), CASE (an_accepted_connection_before_its_handshake),
       CASE (an_accepted_connection), CASE (inside_a_clients_context_creator),
       CASE (inside_a_clients_check), CASE (inside_a_servers_context_creator),
       CASE (inside_a_servers_check))

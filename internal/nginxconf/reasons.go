package nginxconf

import (
	"slices"
	"strings"
)

// family are directives that were not taken over for the same reason.
type family struct {
	section string // where the comment belongs
	why     string
	names   string
}

// why finds the family of a directive; those without one are unknown.
func why(name string) (family, bool) {
	for _, f := range families {
		if slices.Contains(strings.Fields(f.names), name) {
			return f, true
		}
	}
	return family{}, false
}

var families = []family{
	{"listen", "Fermata speaks HTTP/1.1, which is what browsers use for WebSockets.",
		`http2 http3`},
	{"listen", "the ciphers, curves and session tickets are those of Go's crypto/tls.",
		`ssl_ciphers ssl_prefer_server_ciphers ssl_dhparam ssl_ecdh_curve ssl_conf_command ssl_session_cache
		ssl_session_timeout ssl_session_tickets ssl_buffer_size ssl_early_data`},
	{first, "this file asks no client for a certificate; tls.client_ca is set by hand. With --behind nginx goes on doing that.",
		`ssl_client_certificate ssl_verify_client ssl_verify_depth ssl_crl`},
	{"listen", "Fermata reads keys without a passphrase only.",
		`ssl_password_file`},
	{"listen", "ticket_secret does the same, or the secrets of the cookie.",
		`ssl_session_ticket_key`},
	{"listen", "Fermata staples OCSP answers only for certificates of tls.acme.",
		`ssl_stapling ssl_stapling_verify ssl_stapling_file ssl_stapling_responder`},
	{"listen", "a client that asks for an unknown name gets the first certificate.",
		`ssl_reject_handshake`},

	{"nodes", "the nodes of this file are not read; put them in by hand.",
		`state`},
	{"nodes", "Fermata speaks TLS 1.2 and 1.3 to nodes at https://, always asks for their name, and resumes sessions.",
		`proxy_ssl_ciphers proxy_ssl_conf_command proxy_ssl_protocols proxy_ssl_server_name proxy_ssl_session_reuse proxy_ssl_verify_depth`},
	{"nodes", "Fermata reads keys without a passphrase only.",
		`proxy_ssl_password_file`},
	{"nodes", "Fermata reads no lists of revoked certificates.",
		`proxy_ssl_crl`},

	{"sticky", "Fermata shares clients out by weight, and skips a node that has too many (bounded_load).",
		`least_conn least_time random`},
	{"sticky", "Fermata pins by a cookie of its own; its name and the rest are in sticky.cookie.",
		`session_sticky session_sticky_hide_cookie`},

	{"health", "Fermata checks the nodes by itself.",
		`check check_http_send check_http_expect_alive check_keepalive_requests match`},
	{"health", "Fermata tries the next node by itself, up to timeouts.handshake.",
		`proxy_next_upstream proxy_next_upstream_timeout proxy_next_upstream_tries`},

	{"timeouts", "Fermata ends no client for being idle, since Reverb pings it; timeouts.response is for plain requests.",
		`proxy_read_timeout`},
	{"timeouts", "timeouts.stall is for nodes that take no bytes, too.",
		`proxy_send_timeout`},
	{"timeouts", "nginx's is between two reads; timeouts.request is for the whole request.",
		`client_body_timeout`},

	{"limits", "max_header_bytes stays 9999, since Reverb refuses heads of 10,000 bytes and more.",
		`large_client_header_buffers client_header_buffer_size`},
	{"limits", "nothing is limited for one address; clients_per_ip and upgrades_per_ip are set by hand.",
		`limit_conn limit_req limit_conn_zone limit_req_zone limit_conn_status limit_req_status limit_conn_log_level limit_req_log_level`},

	{other, "Fermata does not queue clients; no_usable_node says what they get.",
		`queue`},
	{first, "it passes requests to others than these nodes, which Fermata does not.",
		`proxy_pass`},
	{first, "this file lets every client in; deny, allow and allowed_origins are set by hand. With --behind it stays in force, in nginx.",
		`allow deny satisfy auth_basic auth_basic_user_file auth_request auth_jwt modsecurity modsecurity_rules_file
		valid_referers limit_except internal`},
	{other, "Fermata passes requests and answers on as they are.",
		`add_header return rewrite if set error_page proxy_hide_header proxy_pass_header proxy_intercept_errors
		proxy_set_body proxy_method proxy_cookie_domain proxy_cookie_path sub_filter root alias index try_files
		expires etag more_set_headers more_clear_headers`},
	{other, "Fermata logs to standard error, a line for each client; see log.",
		`access_log error_log log_format log_not_found log_subrequest open_log_file_cache rewrite_log`},
	{other, "only http is read.",
		`stream mail`},
	{harmless, "nothing is lost: Fermata needs no such setting.",
		`proxy_http_version proxy_buffering proxy_request_buffering proxy_buffers proxy_buffer_size proxy_busy_buffers_size
		proxy_cache proxy_cache_bypass proxy_no_cache proxy_redirect proxy_socket_keepalive proxy_ignore_client_abort
		proxy_headers_hash_max_size proxy_headers_hash_bucket_size proxy_max_temp_file_size
		keepalive zone keepalive_requests keepalive_time lingering_close lingering_timeout reset_timedout_connection
		tcp_nodelay tcp_nopush sendfile sendfile_max_chunk types default_type types_hash_max_size types_hash_bucket_size
		server_names_hash_bucket_size server_names_hash_max_size map_hash_bucket_size map_hash_max_size
		variables_hash_max_size variables_hash_bucket_size server_tokens charset ssl_trusted_certificate
		gzip gzip_types gzip_vary gzip_disable gzip_proxied gzip_comp_level gzip_buffers gzip_http_version gzip_min_length
		resolver resolver_timeout client_body_buffer_size ignore_invalid_headers underscores_in_headers
		server_name_in_redirect port_in_redirect absolute_redirect open_file_cache aio directio
		user worker_processes worker_rlimit_nofile worker_shutdown_timeout worker_cpu_affinity worker_priority pid
		events load_module daemon master_process pcre_jit thread_pool timer_resolution lock_file env`},
}

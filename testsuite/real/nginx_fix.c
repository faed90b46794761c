/* What hp-apply puts into nginx: every file that is sent says that it was sent
 * by the new code.
 *
 * SPDX-License-Identifier: MIT
 */
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <hotpatch.h>

HP_PATCH("say-so", 1, "Files are sent with a header that says so");

extern ngx_int_t original_handler(ngx_http_request_t* request)
    HP_ORIGINAL("ngx_http_static_handler");

HP_REPLACES("ngx_http_static_handler")
ngx_int_t new_handler(ngx_http_request_t* request)
{
  ngx_table_elt_t* header = ngx_list_push(&request->headers_out.headers);
  if (header == NULL)
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
  header->hash = 1;
  ngx_str_set(&header->key, "X-Patched");
  ngx_str_set(&header->value, "yes");
  return original_handler(request);
}

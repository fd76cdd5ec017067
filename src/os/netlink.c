#include "os/netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/fd.h"

/* A request: header, body, and a few attributes of four bytes. */
struct request {
    struct nlmsghdr header;
    union {
        struct ifaddrmsg address;
        struct ifinfomsg link;
        struct rtmsg route;
    } body;
    uint8_t attributes[64];
};

struct answer {
    struct nlmsghdr header;
    struct nlmsgerr error;
};

static void add_attribute(struct request *request, unsigned short type, const void *data,
                          unsigned short size)
{
    struct rtattr attribute = {.rta_len = (unsigned short)RTA_LENGTH(size), .rta_type = type};
    uint8_t *at = (uint8_t *)request + NLMSG_ALIGN(request->header.nlmsg_len);
    memcpy(at, &attribute, sizeof attribute);
    memcpy(at + RTA_LENGTH(0), data, size);
    request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) +
                                (uint32_t)RTA_ALIGN(attribute.rta_len);
}

/* Returns the kernel's errno, 0 for success, or -1 with `err`. */
static int transact(const struct request *request, struct error *err)
{
    FD_AUTO fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return error_system(err, errno, "cannot open a netlink socket");
    ssize_t sent = send(fd, request, request->header.nlmsg_len, 0);
    if (sent < 0)
        return error_system(err, errno, "cannot ask the kernel over netlink");
    struct answer answer;
    /* The acknowledgement carries the request again; only its beginning matters. */
    ssize_t size = recv(fd, &answer, sizeof answer, 0);
    if (size < (ssize_t)sizeof answer || answer.header.nlmsg_type != NLMSG_ERROR)
        return error_set(err, ERROR_PROTOCOL, "the kernel's netlink answer is malformed");
    return -answer.error.error;
}

static int run(const struct request *request, const char *what, int fine, struct error *err)
{
    int sys = transact(request, err);
    if (sys < 0)
        return -1;
    return sys == 0 || sys == fine ? 0 : error_system(err, sys, "%s", what);
}

static struct request request_of(unsigned short type, unsigned short flags, size_t body_size)
{
    return (struct request){
        .header = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(body_size),
                   .nlmsg_type = type,
                   .nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags),
                   .nlmsg_seq = 1}};
}

static int index_of(const char *interface, unsigned int *index, struct error *err)
{
    *index = if_nametoindex(interface);
    return *index ? 0 : error_system(err, errno, "no network interface %s", interface);
}

int netlink_add_address(const char *interface, struct in_addr address, unsigned int prefix,
                        struct error *err)
{
    unsigned int index;
    if (index_of(interface, &index, err) < 0)
        return -1;
    struct request request = request_of(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL,
                                        sizeof(struct ifaddrmsg));
    request.body.address = (struct ifaddrmsg){
        .ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)prefix, .ifa_index = index};
    add_attribute(&request, IFA_LOCAL, &address, sizeof address);
    add_attribute(&request, IFA_ADDRESS, &address, sizeof address);
    return run(&request, "cannot set the network address", EEXIST, err);
}

int netlink_bring_up(const char *interface, struct error *err)
{
    unsigned int index;
    if (index_of(interface, &index, err) < 0)
        return -1;
    struct request request = request_of(RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
    request.body.link = (struct ifinfomsg){.ifi_family = AF_UNSPEC,
                                           .ifi_index = (int)index,
                                           .ifi_flags = IFF_UP,
                                           .ifi_change = IFF_UP};
    return run(&request, "cannot bring the network up", 0, err);
}

int netlink_add_default_route(const char *interface, struct in_addr gateway, struct error *err)
{
    unsigned int index;
    if (index_of(interface, &index, err) < 0)
        return -1;
    struct request request = request_of(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL,
                                        sizeof(struct rtmsg));
    request.body.route = (struct rtmsg){.rtm_family = AF_INET,
                                        .rtm_table = RT_TABLE_MAIN,
                                        .rtm_protocol = RTPROT_STATIC,
                                        .rtm_scope = RT_SCOPE_UNIVERSE,
                                        .rtm_type = RTN_UNICAST};
    add_attribute(&request, RTA_GATEWAY, &gateway, sizeof gateway);
    add_attribute(&request, RTA_OIF, &index, sizeof index);
    return run(&request, "cannot set the default route", EEXIST, err);
}

#include "os/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/text.h"
#include "os/fd.h"

/* The one socket for all requests, which is left open: while a machine starts, what the kernel does
 * to end one would be a hundredth of the time. */
static int open_socket(struct error *err)
{
    static int fd = -1;
    if (fd < 0)
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? error_system(err, errno, "cannot open a socket") : fd;
}

static struct sockaddr address_of(struct in_addr address)
{
    const struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = address};
    struct sockaddr out;
    memcpy(&out, &in, sizeof out);
    return out;
}

static int name(const char *interface, struct ifreq *request, struct error *err)
{
    *request = (struct ifreq){0};
    if (!text_copy(request->ifr_name, sizeof request->ifr_name, interface))
        return error_set(err, ERROR_LIMIT, "no network interface %.32s", interface);
    return 0;
}

static int bring_up(int fd, struct ifreq *request, struct error *err)
{
    if (ioctl(fd, SIOCGIFFLAGS, request) < 0)
        return error_system(err, errno, "no network interface %s", request->ifr_name);
    request->ifr_flags = (short)(request->ifr_flags | IFF_UP);
    if (ioctl(fd, SIOCSIFFLAGS, request) < 0)
        return error_system(err, errno, "cannot bring %s up", request->ifr_name);
    return 0;
}

int network_bring_up(const char *interface, struct error *err)
{
    struct ifreq request;
    int fd = open_socket(err);
    return fd < 0 || name(interface, &request, err) < 0 ? -1 : bring_up(fd, &request, err);
}

int network_set_address(const char *interface, struct in_addr address, unsigned int prefix,
                        struct error *err)
{
    const struct in_addr mask = {.s_addr = prefix ? htonl(~0U << (32 - prefix)) : 0};
    struct ifreq request;
    int fd = open_socket(err);
    if (fd < 0 || name(interface, &request, err) < 0)
        return -1;
    request.ifr_addr = address_of(address);
    if (ioctl(fd, SIOCSIFADDR, &request) < 0)
        return error_system(err, errno, "cannot set the address of %s", interface);
    request.ifr_netmask = address_of(mask);
    if (ioctl(fd, SIOCSIFNETMASK, &request) < 0)
        return error_system(err, errno, "cannot set the netmask of %s", interface);
    return bring_up(fd, &request, err);
}

int network_add_default_route(const char *interface, struct in_addr gateway, struct error *err)
{
    const struct in_addr any = {.s_addr = INADDR_ANY};
    struct ifreq request;
    int fd = open_socket(err);
    if (fd < 0 || name(interface, &request, err) < 0)
        return -1;
    struct rtentry route = {.rt_dst = address_of(any),
                            .rt_genmask = address_of(any),
                            .rt_gateway = address_of(gateway),
                            .rt_flags = RTF_UP | RTF_GATEWAY,
                            .rt_dev = request.ifr_name};
    if (ioctl(fd, SIOCADDRT, &route) < 0 && errno != EEXIST)
        return error_system(err, errno, "cannot set the default route by %s", interface);
    return 0;
}

int network_probe_port(struct in_addr address, uint16_t port, bool *open, struct error *err)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_addr = address, .sin_port = htons(port)};
    int failed = 0;
    socklen_t size = sizeof failed;
    FD_AUTO fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_system(err, errno, "cannot open a socket");
    *open = connect(fd, (const struct sockaddr *)&to, sizeof to) == 0;
    if (*open || errno != EINPROGRESS)
        return 0;
    struct pollfd connected = {.fd = fd, .events = POLLOUT};
    *open = poll(&connected, 1, NETWORK_PROBE_MS) == 1 &&
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) == 0 && failed == 0;
    return 0;
}

int network_listen_loopback(uint16_t port, struct error *err)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    FD_AUTO fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) < 0 ||
        listen(fd, SOMAXCONN) < 0)
        return error_system(err, errno, "cannot listen at port %u", port);
    return fd_take(&fd);
}

#include "enclave/libos/processes/order.h"

#include "enclave/libos/door/door_calls.h"

bool order_is_good(const struct order *order)
{
    if (order->process <= PROCESS_FIRST || order->process > THREAD_NUMBER_MAX)
        return false;
    if (order->kind == ORDER_SNAPSHOT)
        return order->size == 0;
    return order->kind == ORDER_PROGRAM && order->size <= ORDER_TEXTS_MAX && order->path_size > 0 &&
           order->path_size < order->size && order->path_size <= PROGRAM_PATH_MAX;
}

bool order_words(const struct order *order, const char *texts, struct program_words *out)
{
    if (texts[order->path_size - 1] != 0)
        return false;
    *out = (struct program_words){texts + order->path_size, order->size - order->path_size,
                                  order->arguments, order->environment};
    return true;
}

bool order_result_is_good(const struct order_result *message)
{
    bool has_died = message->result & DOOR_DIED;
    return message->is_left <= 1 && message->zero == 0 && !(has_died && message->is_left);
}

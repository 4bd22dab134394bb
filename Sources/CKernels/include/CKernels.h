void tr_placeholder(void);

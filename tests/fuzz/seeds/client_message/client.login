
name1name2